{{/* Names, labels and the image. */}}

{{- define "rejoinder.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- contains $name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $name) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* The labels that select all pods of the release. */}}
{{- define "rejoinder.selector" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "rejoinder.labels" -}}
{{ include "rejoinder.selector" . }}
app.kubernetes.io/part-of: rejoinder
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end -}}

{{/* The name, namespace and labels of an object: (dict "root" $ "name" NAME "component" COMPONENT). */}}
{{- define "rejoinder.metadata" -}}
name: {{ include "rejoinder.fullname" .root }}{{ with .name }}-{{ . }}{{ end }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "rejoinder.labels" .root | nindent 2 }}
  {{- with .component }}
  app.kubernetes.io/component: {{ . }}
  {{- end }}
{{- end -}}

{{- define "rejoinder.image" -}}
{{- $image := .Values.image -}}
{{- if $image.digest -}}
{{ $image.repository }}@{{ $image.digest }}
{{- else -}}
{{ $image.repository }}:{{ default .Chart.AppVersion $image.tag }}
{{- end -}}
{{- end -}}

{{- define "rejoinder.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{ default (include "rejoinder.fullname" .) .Values.serviceAccount.name }}
{{- else -}}
{{ default "default" .Values.serviceAccount.name }}
{{- end -}}
{{- end -}}

{{/* What makes an object a hook before an install and an upgrade; nothing where hooks are off. (dict "root" $ "weight" "0") */}}
{{- define "rejoinder.hook" -}}
{{- if .root.Values.jobsAsHooks -}}
annotations:
  helm.sh/hook: pre-install,pre-upgrade
  helm.sh/hook-weight: {{ .weight | quote }}
  helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end -}}
{{- end -}}

{{/* The host of config.public_url. */}}
{{- define "rejoinder.publicHost" -}}
{{- (urlParse .Values.config.public_url).host | splitList ":" | first -}}
{{- end -}}

{{/* The values of a worker or of the gateway, as YAML. (dict "root" $ "name" NAME) */}}
{{- define "rejoinder.component" -}}
{{- if eq .name "gateway" -}}
{{- toYaml .root.Values.gateway -}}
{{- else -}}
{{- toYaml (index .root.Values.workers .name) -}}
{{- end -}}
{{- end -}}

{{/* The topics that a worker reads. */}}
{{- define "rejoinder.inputs" -}}
{{- $inputs := dict
  "validator" (list "comments.submitted")
  "spam-filter" (list "comments.validated")
  "comment-store" (list "comments.screened" "comments.moderated" "comments.rejected")
  "notifier" (list "comments.screened" "comments.moderated") -}}
{{- index $inputs . | toJson -}}
{{- end -}}
