# The image of Weir: one static program, run as nobody, on a file system that may be read-only.
#
#   docker build --tag weir:dev .
#   docker buildx build --platform linux/amd64,linux/arm64 --tag weir:dev .
#
# Base images are arguments, for machines with mirrors or images of their own. The first stage
# always runs on the builder's own architecture and compiles for the other one where asked.
ARG BUILD_IMAGE=rust:1.95-bookworm
ARG RUNTIME_IMAGE=scratch

FROM --platform=$BUILDPLATFORM ${BUILD_IMAGE} AS build
ARG TARGETARCH
# `dist` runs faster; `release` builds faster.
ARG PROFILE=dist
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    PROFILE=${PROFILE} TARGETARCH=${TARGETARCH} hack/image/compile /out/weir
# Cluster-wide names of certificate authorities, for what asks outside servers.
RUN mkdir -p /out/etc/ssl/certs && cp /etc/ssl/certs/ca-certificates.crt /out/etc/ssl/certs/

FROM ${RUNTIME_IMAGE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="weir" \
      org.opencontainers.image.description="A Kubernetes-native ingress controller and load balancer" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /out/ /
USER 65532:65532
EXPOSE 8080 8443 9090
STOPSIGNAL SIGTERM
ENTRYPOINT ["/weir"]
CMD ["run"]
