{{/* What every pod has: who it runs as, where it may run, what it can write to.
     (dict "root" $ "name" NAME "kafka" OVERRIDES "job" BOOL) */}}
{{- define "rejoinder.pod" -}}
{{- $values := .root.Values -}}
serviceAccountName: {{ if .job }}{{ include "rejoinder.jobAccount" .root }}{{ else }}{{ include "rejoinder.serviceAccount" .root }}{{ end }}
automountServiceAccountToken: false
# Variables of other services could be taken for settings.
enableServiceLinks: false
{{- with $values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: {{ $values.pods.runAsUser }}
  runAsGroup: {{ $values.pods.runAsUser }}
  fsGroup: {{ $values.pods.runAsUser }}
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: { type: RuntimeDefault }
{{- with $values.pods.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $values.pods.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.pods.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.pods.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* What every container has. (as rejoinder.pod, with "args", "resources", "extraEnv") */}}
{{- define "rejoinder.container" -}}
name: {{ .name }}
image: {{ include "rejoinder.image" .root | quote }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
args: {{ toJson .args }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: { drop: [ALL] }
env:
  {{- include "rejoinder.env" . | nindent 2 }}
resources: {{- toYaml .resources | nindent 2 }}
volumeMounts: {{- (include "rejoinder.volumes" . | fromJson).mounts | toYaml | nindent 2 }}
{{- end -}}

{{- define "rejoinder.jobAccount" -}}
{{- if and .Values.jobsAsHooks .Values.serviceAccount.create -}}
{{ include "rejoinder.fullname" . }}-hook
{{- else -}}
{{ include "rejoinder.serviceAccount" . }}
{{- end -}}
{{- end -}}

{{/* Seconds that a worker's pod has to end: the batch in hand (drain), its commit, and the time after which Kafka would give its
     partitions to others anyway, with some to spare. The gateway's: the sleep, then the slowest request. */}}
{{- define "rejoinder.gracePeriod" -}}
{{- $config := .root.Values.config -}}
{{- if eq .name "gateway" -}}
{{- add .root.Values.gateway.preStopSleepSeconds 30 -}}
{{- else if .root.Values.pods.terminationGracePeriodSeconds -}}
{{- int .root.Values.pods.terminationGracePeriodSeconds -}}
{{- else -}}
{{- $log := divf (addf $config.kafka.transaction_timeout_ms $config.kafka.session_timeout_ms) 1000 | ceil | int -}}
{{- add $config.pipeline.deadline_seconds $log 10 -}}
{{- end -}}
{{- end -}}

{{- define "rejoinder.probes" -}}
startupProbe:
  httpGet: { path: /livez, port: {{ .port }} }
  periodSeconds: 2
  timeoutSeconds: 2
  failureThreshold: {{ div .root.Values.pods.startupSeconds 2 }}
# The process, never the broker: what waits for Kafka is not mended by a restart.
livenessProbe:
  httpGet: { path: /livez, port: {{ .port }} }
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet: { path: /readyz, port: {{ .port }} }
  periodSeconds: 5
  timeoutSeconds: 3
  failureThreshold: 3
{{- end -}}
