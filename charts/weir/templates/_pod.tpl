{{/* The pod, the same in a Deployment and in a DaemonSet. */}}
{{- define "weir.podTemplate" -}}
metadata:
  labels:
    {{- $selected := include "weir.selectorLabels" . | fromYaml }}
    {{- include "weir.labelsWith" (dict "root" . "labels" (merge $selected (.Values.podLabels | default dict))) | nindent 4 }}
  {{- if or .Values.podAnnotations .Values.metrics.scrapeAnnotations }}
  annotations:
    {{- if .Values.metrics.scrapeAnnotations }}
    prometheus.io/scrape: "true"
    prometheus.io/path: /metrics
    prometheus.io/port: {{ .Values.containerPorts.admin | quote }}
    {{- end }}
    {{- with .Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- end }}
spec:
  serviceAccountName: {{ include "weir.serviceAccountName" . }}
  automountServiceAccountToken: true
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ include "weir.gracePeriod" . }}
  {{- if .Values.hostNetwork }}
  hostNetwork: true
  {{- end }}
  {{- with default (ternary "ClusterFirstWithHostNet" "" .Values.hostNetwork) .Values.dnsPolicy }}
  dnsPolicy: {{ . }}
  {{- end }}
  {{- with .Values.dnsConfig }}
  dnsConfig:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with .Values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  securityContext:
    {{- toYaml .Values.podSecurityContext | nindent 4 }}
  {{- with .Values.extraInitContainers }}
  initContainers:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: weir
      image: {{ include "weir.image" . | quote }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      args:
        {{- include "weir.arguments" . | nindent 8 }}
      env:
        - name: POD_NAME
          valueFrom: { fieldRef: { fieldPath: metadata.name } }
        - name: POD_NAMESPACE
          valueFrom: { fieldRef: { fieldPath: metadata.namespace } }
        - name: NODE_NAME
          valueFrom: { fieldRef: { fieldPath: spec.nodeName } }
        - name: POD_IP
          valueFrom: { fieldRef: { fieldPath: status.podIP } }
        {{- with .Values.extraEnv }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      ports:
        {{- range $name := list "http" "https" }}
        - name: {{ $name }}
          containerPort: {{ index $.Values.containerPorts $name }}
          {{- if and $.Values.hostPort.enabled (not $.Values.hostNetwork) }}
          {{- with index $.Values.hostPort $name }}
          hostPort: {{ . }}
          {{- end }}
          {{- end }}
          protocol: TCP
        {{- end }}
        - name: admin
          containerPort: {{ .Values.containerPorts.admin }}
          protocol: TCP
      {{- range $name, $path := dict "startupProbe" "/livez" "livenessProbe" "/livez" "readinessProbe" "/readyz" }}
      {{- with index $.Values $name }}
      {{ $name }}:
        httpGet: { path: {{ $path }}, port: admin }
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- end }}
      securityContext:
        {{- toYaml .Values.securityContext | nindent 8 }}
      resources:
        {{- toYaml .Values.resources | nindent 8 }}
      {{- $geoip := include "weir.geoipVolume" . }}
      {{- if or .Values.sessionKey.existingSecret .Values.ticketKeys.existingSecret $geoip .Values.extraVolumeMounts }}
      volumeMounts:
        {{- if .Values.sessionKey.existingSecret }}
        - { name: session-key, mountPath: /etc/weir/session, readOnly: true }
        {{- end }}
        {{- if .Values.ticketKeys.existingSecret }}
        - { name: ticket-keys, mountPath: /etc/weir/tickets, readOnly: true }
        {{- end }}
        {{- if $geoip }}
        - { name: geoip, mountPath: /etc/weir/geoip, readOnly: true }
        {{- end }}
        {{- with .Values.extraVolumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- end }}
    {{- with .Values.extraContainers }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- if or .Values.sessionKey.existingSecret .Values.ticketKeys.existingSecret $geoip .Values.extraVolumes }}
  volumes:
    {{- if .Values.sessionKey.existingSecret }}
    - name: session-key
      secret:
        secretName: {{ .Values.sessionKey.existingSecret }}
        items: [{ key: {{ .Values.sessionKey.key | quote }}, path: key }]
    {{- end }}
    {{- if .Values.ticketKeys.existingSecret }}
    - name: ticket-keys
      secret:
        secretName: {{ .Values.ticketKeys.existingSecret }}
        items: [{ key: {{ .Values.ticketKeys.key | quote }}, path: keys }]
    {{- end }}
    {{- with $geoip }}
    {{- . | nindent 4 }}
    {{- end }}
    {{- with .Values.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- end }}
  {{- with .Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- include "weir.spread" . | nindent 2 }}
{{- end -}}

{{/* Arguments of the program. */}}
{{- define "weir.arguments" -}}
- run
{{- range $name := list "http" "https" "admin" }}
- --{{ $name }}={{ $.Values.bindAddress }}:{{ index $.Values.containerPorts $name }}
{{- end }}
{{- with (include "weir.watchNamespace" .) }}
- --watch-namespace={{ . }}
{{- end }}
- --ingress-class={{ .Values.ingressClass.name }}
- --controller={{ include "weir.controller" . }}
- --lease={{ include "weir.lease" . }}
{{- if .Values.publish.addresses }}
- --publish-address={{ join "," .Values.publish.addresses }}
{{- else if include "weir.publishService" . }}
- --publish-service={{ include "weir.namespace" . }}/{{ include "weir.fullname" . }}
{{- end }}
- {{ printf "--log=%s" .Values.logs.level | quote }}
- --log-format={{ .Values.logs.format }}
- --access-log={{ .Values.logs.access }}
{{- if and .Values.trustedHops (not .Values.trustedNetworks) }}
{{- fail "trustedHops: set trustedNetworks too, to where the proxies in front are" }}
{{- end }}
{{- if and .Values.trustedNetworks (not .Values.trustedHops) }}
{{- fail "trustedNetworks: set trustedHops too, to how many proxies are in front" }}
{{- end }}
- --trusted-hops={{ .Values.trustedHops }}
{{- with .Values.trustedNetworks }}
- --trusted-networks={{ join "," . }}
{{- end }}
{{- with .Values.proxyProtocol }}
- --proxy-protocol={{ join "," . }}
{{- end }}
{{- $limits := list "maxConnections" "maxConnectionsPerClient" "maxConnectionsPerListener" "maxRequestsPerConnection" "maxStreams" "maxControlFrames" "maxResets" "maxHeaderBytes" "maxHeaders" "maxTargetBytes" "maxRequestBodyBytes" "handshakeTimeout" "headerTimeout" "keepAliveTimeout" "clientTimeout" "clientMinRate" "memoryLimit" }}
{{- range $limit := $limits }}
{{- $value := index $.Values.clientLimits $limit }}
{{- if ne (toString $value) "" }}
- --{{ kebabcase $limit }}={{ kindIs "string" $value | ternary $value (int64 $value) }}
{{- end }}
{{- end }}
- --drain-delay={{ .Values.drain.delay }}
- --drain-timeout={{ .Values.drain.timeout }}
{{- if .Values.sessionKey.existingSecret }}
- --session-key-file=/etc/weir/session/key
{{- end }}
{{- if .Values.ticketKeys.existingSecret }}
- --tls-ticket-key-file=/etc/weir/tickets/keys
{{- end }}
{{- if include "weir.geoipVolume" . }}
- --geoip-database=/etc/weir/geoip/{{ ternary .Values.geoip.file "database" (ne .Values.geoip.existingClaim "") }}
{{- end }}
{{- range .Values.extraArgs }}
- {{ . | quote }}
{{- end }}
{{- end -}}

{{/* The volume with the database, or nothing. */}}
{{- define "weir.geoipVolume" -}}
{{- $sources := compact (list .Values.geoip.existingSecret .Values.geoip.existingConfigMap .Values.geoip.existingClaim) -}}
{{- if gt (len $sources) 1 -}}
{{- fail "geoip: set one of existingSecret, existingConfigMap and existingClaim" -}}
{{- end -}}
{{- if $sources -}}
- name: geoip
  {{- if .Values.geoip.existingSecret }}
  secret:
    secretName: {{ .Values.geoip.existingSecret }}
    items: [{ key: {{ .Values.geoip.file | quote }}, path: database }]
  {{- else if .Values.geoip.existingConfigMap }}
  configMap:
    name: {{ .Values.geoip.existingConfigMap }}
    items: [{ key: {{ .Values.geoip.file | quote }}, path: database }]
  {{- else }}
  persistentVolumeClaim: { claimName: {{ .Values.geoip.existingClaim }}, readOnly: true }
  {{- end }}
{{- end -}}
{{- end -}}

{{/* A DaemonSet has one pod on each node whatever is said here. */}}
{{- define "weir.spread" -}}
{{- if .Values.topologySpreadConstraints -}}
topologySpreadConstraints:
  {{- range .Values.topologySpreadConstraints }}
  {{- $selector := dict "labelSelector" (dict "matchLabels" (include "weir.selectorLabels" $ | fromYaml)) }}
  - {{- toYaml (merge (dict) . $selector) | nindent 4 }}
  {{- end }}
{{- else if eq .Values.kind "Deployment" -}}
topologySpreadConstraints:
  {{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - topologyKey: {{ . }}
    maxSkew: 1
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "weir.selectorLabels" $ | nindent 8 }}
  {{- end }}
{{- end -}}
{{- end -}}

{{/* Not empty where the status of Ingresses gets the addresses of the Service. */}}
{{- define "weir.publishService" -}}
{{- if and .Values.publish.service .Values.service.enabled (not .Values.publish.addresses) -}}true{{- end -}}
{{- end -}}
