{{- define "weir.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "weir.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 55 | trimSuffix "-" -}}
{{- else if contains (include "weir.name" .) .Release.Name -}}
{{- .Release.Name | trunc 55 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "weir.name" .) | trunc 55 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "weir.namespace" -}}
{{- default .Release.Namespace .Values.namespaceOverride -}}
{{- end -}}

{{- define "weir.selectorLabels" -}}
app.kubernetes.io/name: {{ include "weir.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/* Name of roles and bindings that stand in namespaces that releases share, or in none. No other name has a
     colon, so two releases never have one of them together. */}}
{{- define "weir.sharedName" -}}
{{- printf "%s:%s" (include "weir.fullname" .) (include "weir.namespace" .) -}}
{{- end -}}

{{/* The controller of the class. `helm upgrade --reuse-values` from a chart that was without this value leaves
     it out, as all values that are newer. */}}
{{- define "weir.controller" -}}
{{- default "weir.dev/ingress-controller" .Values.ingressClass.controller -}}
{{- end -}}

{{/* Name of the lease of those who write status. */}}
{{- define "weir.lease" -}}
{{- include "weir.fullname" . }}-status
{{- end -}}

{{/* The labels of an object: its own, those that selectors look for, then those of all objects.
     Call: dict "root" . "labels" map */}}
{{- define "weir.labelsWith" -}}
{{- $own := dict "helm.sh/chart" (printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_") "app.kubernetes.io/version" .root.Chart.AppVersion "app.kubernetes.io/managed-by" .root.Release.Service -}}
{{- $selected := include "weir.selectorLabels" .root | fromYaml -}}
{{- toYaml (merge (dict) (.labels | default dict) $selected (.root.Values.commonLabels | default dict) $own) -}}
{{- end -}}

{{- define "weir.labels" -}}
{{- include "weir.labelsWith" (dict "root" .) -}}
{{- end -}}

{{- define "weir.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "weir.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "weir.image" -}}
{{- $repository := .Values.image.repository -}}
{{- with .Values.image.registry }}{{ $repository = printf "%s/%s" . $repository }}{{ end -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" $repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" $repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{/* The one namespace that Weir watches, or nothing for all. */}}
{{- define "weir.watchNamespace" -}}
{{- if .Values.rbac.namespaced -}}
{{- default (include "weir.namespace" .) .Values.watchNamespace -}}
{{- else -}}
{{- .Values.watchNamespace -}}
{{- end -}}
{{- end -}}

{{/* What Weir does with the namespaced objects that it watches. */}}
{{- define "weir.rules" -}}
- apiGroups: [weir.dev]
  resources: [backendpools]
  verbs: [get, list, watch]
- apiGroups: [weir.dev]
  resources: [backendpools/status]
  verbs: [patch]
- apiGroups: [""]
  resources: [services]
  verbs: [list, watch]
- apiGroups: [discovery.k8s.io]
  resources: [endpointslices]
  verbs: [list, watch]
- apiGroups: [gateway.networking.k8s.io]
  resources: [referencegrants]
  verbs: [list, watch]
- apiGroups: [networking.k8s.io]
  resources: [ingresses]
  verbs: [get, list, watch]
- apiGroups: [networking.k8s.io]
  resources: [ingresses/status]
  verbs: [patch]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- if not .Values.rbac.secretNamespaces }}
{{ include "weir.secretRules" . }}
{{- end }}
{{- end -}}

{{- define "weir.secretRules" -}}
- apiGroups: [""]
  resources: [secrets]
  verbs: [list, watch]
- apiGroups: [""]
  resources: [configmaps]
  verbs: [list, watch]
{{- end -}}

{{/* A binding's subject. */}}
{{- define "weir.subjects" -}}
subjects:
  - kind: ServiceAccount
    name: {{ include "weir.serviceAccountName" . }}
    namespace: {{ include "weir.namespace" . }}
{{- end -}}

{{/* Seconds of a duration such as 1m30s, rounded up. */}}
{{- define "weir.seconds" -}}
{{- $zero := toDate "2006-01-02" "2000-01-01" -}}
{{- $end := mustDateModify . $zero -}}
{{- $end = mustDateModify "999ms" $end -}}
{{- sub (unixEpoch $end | int64) (unixEpoch $zero | int64) -}}
{{- end -}}

{{/* Seconds until Kubernetes ends a pod by force. */}}
{{- define "weir.gracePeriod" -}}
{{- $drain := add (include "weir.seconds" .Values.drain.delay | int64) (include "weir.seconds" .Values.drain.timeout | int64) -}}
{{- $given := int64 .Values.terminationGracePeriodSeconds -}}
{{- if not $given -}}
{{- add $drain 10 -}}
{{- else if lt $given $drain -}}
{{- fail (printf "terminationGracePeriodSeconds: %d is less than drain.delay and drain.timeout together (%d s): pods would be ended with requests in flight" $given $drain) -}}
{{- else -}}
{{- $given -}}
{{- end -}}
{{- end -}}

{{/* Not empty where pods take ports of their node, so that two of them cannot be on one. */}}
{{- define "weir.onNodePorts" -}}
{{- if or .Values.hostPort.enabled .Values.hostNetwork -}}true{{- end -}}
{{- end -}}

{{- define "weir.updateStrategy" -}}
{{- if .Values.updateStrategy -}}
{{- toYaml .Values.updateStrategy -}}
{{- else -}}
type: RollingUpdate
rollingUpdate:
  {{- if include "weir.onNodePorts" . }}
  maxSurge: 0
  maxUnavailable: 1
  {{- else }}
  maxSurge: 1
  maxUnavailable: 0
  {{- end }}
{{- end -}}
{{- end -}}

{{/* The head of most objects. Call: dict "root" . "name" name "annotations" map "labels" map "namespace" text */}}
{{- define "weir.metadata" -}}
metadata:
  name: {{ .name | default (include "weir.fullname" .root) }}
  namespace: {{ .namespace | default (include "weir.namespace" .root) }}
  labels:
    {{- include "weir.labelsWith" . | nindent 4 }}
  {{- with .annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}
