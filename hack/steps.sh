# Steps that bring Weir into a cluster, for every kind of cluster: hack/kind-up and hack/install use
# them. Sourced by bash, never run. `print=1` says what would be done and does nothing.

# Shows a command, and runs it.
run() {
  local line
  printf -v line ' %q' "$@"
  printf '+%s\n' "$line" >&2
  [ -n "${print:-}" ] || "$@"
}

# Fails early, with all that is missing.
need_programs() {
  local program missing=()
  [ -z "${print:-}" ] || return 0
  for program; do command -v "$program" >/dev/null || missing+=("$program"); done
  [ ${#missing[@]} = 0 ] || { echo "not installed: ${missing[*]}" >&2; exit 1; }
}

# Installs or upgrades the chart with an image, and sends a request through it.
# install_chart REPOSITORY:TAG [HELM_ARGUMENT...]
install_chart() {
  local image=$1; shift
  run helm upgrade --install weir charts/weir --namespace weir-system --create-namespace \
    --set "image.repository=${image%:*}" --set "image.tag=${image##*:}" "$@" --wait --timeout 3m
  run helm test weir --namespace weir-system --timeout 3m
}

# Applies the example with the same image, and waits until it is served.
# apply_example REPOSITORY:TAG
apply_example() {
  run kubectl apply --filename <(sed "s|image: weir:dev|image: $1|" manifests/hello.yaml)
  run kubectl rollout status deployment/hello --namespace default --timeout 2m
  run kubectl wait backendpool/hello --namespace default --for condition=Programmed --timeout 1m
}
