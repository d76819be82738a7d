{{- /* What all pods of Posthorn have in common. */ -}}

{{- /* A setting as text: YAML reads 512 as a number, and Helm prints 1000000 as 1e+06. */ -}}
{{- define "posthorn.text" -}}
{{- if kindIs "float64" . -}}{{ int64 . }}{{- else -}}{{ . }}{{- end -}}
{{- end -}}

{{- /* The Secret that has the URL of Postgres under a key of its own; nothing if existingSecret has it. */ -}}
{{- define "posthorn.databaseUrl" -}}
{{- if .Values.database.secretName }}
- name: DATABASE_URL
  valueFrom:
    secretKeyRef:
      name: {{ .Values.database.secretName }}
      key: {{ .Values.database.secretKey }}
{{- end }}
{{- end -}}

{{- define "posthorn.envFrom" -}}
- configMapRef:
    name: {{ include "posthorn.fullname" . }}
{{- with .Values.existingSecret }}
- secretRef:
    name: {{ . }}
{{- end }}
{{- end -}}

{{- define "posthorn.container" -}}
image: {{ include "posthorn.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  {{- toYaml .Values.securityContext | nindent 2 }}
{{- with .Values.volumeMounts }}
volumeMounts:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- /* The probes of a component at one of its ports. Takes { own, port }. */ -}}
{{- define "posthorn.probes" -}}
startupProbe:
  httpGet: { path: /healthz, port: {{ .port }} }
  {{- toYaml .own.startupProbe | nindent 2 }}
# Whether the process lives. Not whether Postgres does: starting again would not bring that back.
livenessProbe:
  httpGet: { path: /healthz, port: {{ .port }} }
  {{- toYaml .own.livenessProbe | nindent 2 }}
readinessProbe:
  httpGet: { path: /readyz, port: {{ .port }} }
  {{- toYaml .own.readinessProbe | nindent 2 }}
{{- end -}}

{{- /* Of each pod, the Job and the tests among them. */ -}}
{{- define "posthorn.pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  {{- toYaml .Values.podSecurityContext | nindent 2 }}
{{- with .Values.volumes }}
volumes:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.initContainers }}
initContainers:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- /* Where the pods of a component run. Takes { root, component, own }. */ -}}
{{- define "posthorn.placement" -}}
topologySpreadConstraints:
{{- if .own.topologySpreadConstraints }}
  {{- toYaml .own.topologySpreadConstraints | nindent 2 }}
{{- else }}
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "posthorn.selectorLabels" . | nindent 8 }}
{{- end }}
{{- with .own.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .own.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .own.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .own.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end -}}

{{- /* The metadata of a component's pods: they start again when a setting changes. Takes { root, component, own }. */ -}}
{{- define "posthorn.podMetadata" -}}
annotations:
  checksum/config: {{ include (print .root.Template.BasePath "/config.yaml") .root | sha256sum }}
  {{- with .own.podAnnotations }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
labels:
  {{- include "posthorn.labels" . | nindent 2 }}
  {{- with .own.podLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{- /* A disruption budget of a component, unless it has one pod alone: a node with that could never be drained. Takes { root, component, own }. */ -}}
{{- define "posthorn.disruptionBudget" -}}
{{- $budget := .own.podDisruptionBudget -}}
{{- $keda := default dict .own.keda -}}
{{- $pods := ternary $keda.minReplicas .own.replicas (eq true $keda.enabled) -}}
{{- if and $budget.enabled (gt (int $pods) 1) -}}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ include "posthorn.fullname" .root }}-{{ .component }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "posthorn.labels" . | nindent 4 }}
spec:
  {{- if not (kindIs "invalid" $budget.minAvailable) }}
  minAvailable: {{ include "posthorn.text" $budget.minAvailable }}
  {{- else }}
  maxUnavailable: {{ include "posthorn.text" $budget.maxUnavailable }}
  {{- end }}
  selector:
    matchLabels:
      {{- include "posthorn.selectorLabels" . | nindent 6 }}
{{- end -}}
{{- end -}}

{{- /* How long a worker may take to stop, in seconds: what is said, or POSTHORN_GRACE and 25 s for the last results. */ -}}
{{- define "posthorn.workerGraceS" -}}
{{- $own := .Values.worker.terminationGracePeriodSeconds -}}
{{- if not (kindIs "invalid" $own) -}}
{{- int64 $own -}}
{{- else -}}
{{- $unit := dict "s" 1 "m" 60 "h" 3600 "d" 86400 -}}
{{- /* Unset, it is the timeout of an attempt and 5 s more. */ -}}
{{- $grace := .Values.settings.POSTHORN_GRACE -}}
{{- $base := ternary 0 5 (not (empty $grace)) -}}
{{- $text := default (default "30s" .Values.settings.POSTHORN_TIMEOUT) $grace -}}
{{- $number := regexFind "^[0-9]+" $text | int64 -}}
{{- $suffix := regexFind "[a-z]+$" $text -}}
{{- if eq $suffix "ms" -}}
{{- add 25 $base (div (add $number 999) 1000) -}}
{{- else -}}
{{- add 25 $base (mul $number (get $unit $suffix)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
