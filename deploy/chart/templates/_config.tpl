{{/* rejoinder.toml: the values' config, with what the chart knows better. */}}
{{- define "rejoinder.toml" -}}
{{- $config := deepCopy .Values.config -}}
{{- $_ := set $config "deployment" "distributed" -}}
{{- $_ := set $config "data_dir" "/var/lib/rejoinder" -}}
{{- $tls := .Values.kafka.tls -}}
{{- $sasl := .Values.kafka.sasl -}}
{{- $properties := $config.kafka.properties -}}
{{- $protocol := printf "%s%s" (ternary "SASL_" "" (ne $sasl.mechanism "")) (ternary "SSL" "PLAINTEXT" $tls.enabled) -}}
{{- if ne $protocol "PLAINTEXT" -}}
{{- $_ := set $properties "security.protocol" $protocol -}}
{{- end -}}
{{- with $sasl.mechanism -}}
{{- $_ := set $properties "sasl.mechanism" . -}}
{{- end -}}
{{- if and $tls.enabled $tls.caSecret.name -}}
{{- $_ := set $properties "ssl.ca.location" "/etc/rejoinder/kafka-ca/ca.crt" -}}
{{- end -}}
{{- if and $tls.enabled $tls.clientSecret.name -}}
{{- $_ := set $properties "ssl.certificate.location" "/etc/rejoinder/kafka-client/tls.crt" -}}
{{- $_ := set $properties "ssl.key.location" "/etc/rejoinder/kafka-client/tls.key" -}}
{{- end -}}
{{- include "rejoinder.tomlTable" (dict "table" $config "path" "") -}}
{{- end -}}

{{/* Helm's toToml writes whole numbers as floats, because values pass through JSON: 15 would come out as 15.0, and be refused.
     JSON's own scalars are TOML's. (dict "table" MAP "path" "a.b") */}}
{{- define "rejoinder.tomlTable" -}}
{{- $path := .path -}}
{{- $table := .table -}}
{{- range $key := keys $table | sortAlpha -}}
{{- $value := index $table $key -}}
{{- if not (or (kindIs "map" $value) (kindIs "invalid" $value)) }}
{{ include "rejoinder.tomlKey" $key }} = {{ include "rejoinder.tomlValue" $value }}
{{- end -}}
{{- end -}}
{{- range $key := keys $table | sortAlpha -}}
{{- $value := index $table $key -}}
{{- if kindIs "map" $value -}}
{{- $name := printf "%s%s%s" $path (ternary "" "." (eq $path "")) (include "rejoinder.tomlKey" $key) }}

[{{ $name }}]
{{- include "rejoinder.tomlTable" (dict "table" $value "path" $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "rejoinder.tomlValue" -}}
{{- if kindIs "slice" . -}}
[{{- range $index, $value := . -}}{{ ternary "" ", " (eq $index 0) }}{{ include "rejoinder.tomlValue" $value }}{{- end -}}]
{{- else if kindIs "map" . -}}
{ {{- $table := . -}}{{- range $index, $key := keys . | sortAlpha -}}
{{- ternary " " ", " (eq $index 0) }}{{ include "rejoinder.tomlKey" $key }} = {{ include "rejoinder.tomlValue" (index $table $key) -}}
{{- end }} }
{{- else -}}
{{- toRawJson . -}}
{{- end -}}
{{- end -}}

{{- define "rejoinder.tomlKey" -}}
{{- regexMatch "^[A-Za-z0-9_-]+$" . | ternary . (toRawJson .) -}}
{{- end -}}

{{/* The secrets that a component needs, and no others: where each is mounted, whose keys it has there, and the variables that
     say so. Mounted, they change without a restart. A JSON list; all of the program's secrets are named here.
     (dict "root" $ "name" NAME "kafka" OVERRIDES) */}}
{{- define "rejoinder.secrets" -}}
{{- $values := .root.Values -}}
{{- $under := "/etc/rejoinder" -}}
{{- $secrets := list -}}
{{- if ne .name "topics" -}}
{{- $env := dict "REJOINDER__POSTGRES__URL_FILE" (printf "%s/postgres/url" $under) -}}
{{- $secrets = append $secrets (dict "at" "postgres" "name" $values.postgres.existingSecret "keys" (dict $values.postgres.key "url") "env" $env) -}}
{{- with $values.postgres.caSecret -}}
{{- if .name -}}
{{- $env := dict "PGSSLROOTCERT" (printf "%s/postgres-ca/ca.crt" $under) -}}
{{- $secrets = append $secrets (dict "at" "postgres-ca" "name" .name "keys" (dict .key "ca.crt") "env" $env) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if has .name (list "notifier" "gateway") -}}
{{- $keys := dict -}}
{{- $files := list -}}
{{- range $values.moderation.keys -}}
{{- $_ := set $keys . . -}}
{{- $files = append $files (printf "%s/moderation/%s" $under .) -}}
{{- end -}}
{{- $secrets = append $secrets (dict "at" "moderation" "name" $values.moderation.existingSecret "keys" $keys "env" (dict "REJOINDER__MODERATION__KEY_FILES" (toJson $files))) -}}
{{- end -}}
{{- if eq .name "notifier" -}}
{{- with $values.smtp -}}
{{- if .existingSecret -}}
{{- $env := dict "REJOINDER__MAIL__SMTP__PASSWORD_FILE" (printf "%s/smtp/password" $under) -}}
{{- $secrets = append $secrets (dict "at" "smtp" "name" .existingSecret "keys" (dict .key "password") "env" $env) -}}
{{- end -}}
{{- end -}}
{{- with $values.dkim -}}
{{- if .existingSecret -}}
{{- $env := dict "REJOINDER__MAIL__DKIM__PRIVATE_KEY_FILE" (printf "%s/dkim/private.key" $under) -}}
{{- $secrets = append $secrets (dict "at" "dkim" "name" .existingSecret "keys" (dict .key "private.key") "env" $env) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $tls := $values.kafka.tls -}}
{{- $sasl := $values.kafka.sasl -}}
{{- if ne .name "migrate" -}}
{{- if and $tls.enabled $tls.caSecret.name -}}
{{- $secrets = append $secrets (dict "at" "kafka-ca" "name" $tls.caSecret.name "keys" (dict $tls.caSecret.key "ca.crt") "env" dict) -}}
{{- end -}}
{{- if and $tls.enabled $tls.clientSecret.name -}}
{{- $keys := dict $tls.clientSecret.certKey "tls.crt" $tls.clientSecret.keyKey "tls.key" -}}
{{- $secrets = append $secrets (dict "at" "kafka-client" "name" (default $tls.clientSecret.name .kafka.clientSecret) "keys" $keys "env" dict) -}}
{{- end -}}
{{- if $sasl.mechanism -}}
{{- $username := default $sasl.username .kafka.username -}}
{{- $keys := dict $sasl.passwordKey "password" -}}
{{- $files := dict "sasl.password" (printf "%s/kafka-sasl/password" $under) -}}
{{- $env := dict -}}
{{- if $username -}}
{{- $_ := set $env "REJOINDER__KAFKA__PROPERTIES" (dict "sasl.username" $username | toJson) -}}
{{- else -}}
{{- $_ := set $keys $sasl.usernameKey "username" -}}
{{- $_ := set $files "sasl.username" (printf "%s/kafka-sasl/username" $under) -}}
{{- end -}}
{{- $_ := set $env "REJOINDER__KAFKA__PROPERTY_FILES" (toJson $files) -}}
{{- $secrets = append $secrets (dict "at" "kafka-sasl" "name" (default $sasl.existingSecret .kafka.existingSecret) "keys" $keys "env" $env) -}}
{{- end -}}
{{- end -}}
{{- toJson $secrets -}}
{{- end -}}

{{/* The environment of a container: where the configuration and the secrets are. (as rejoinder.secrets, with "extraEnv") */}}
{{- define "rejoinder.env" -}}
{{- $values := .root.Values -}}
- name: REJOINDER_CONFIG
  value: /etc/rejoinder/config/rejoinder.toml
# Here and not in the configuration: the image has them as variables, which count for more.
- name: REJOINDER__LISTEN
  value: "{{ $values.pods.bind }}:8080"
- name: REJOINDER__PROBES__LISTEN
  value: "{{ $values.pods.bind }}:9090"
{{- range include "rejoinder.secrets" . | fromJsonArray }}
{{- range $key, $value := .env }}
- name: {{ $key }}
  value: {{ squote $value }}
{{- end }}
{{- end }}
{{- if and $values.staticMembership (hasKey $values.workers .name) }}
- name: REJOINDER__KAFKA__GROUP_INSTANCE_ID
  valueFrom: { fieldRef: { fieldPath: metadata.name } }
{{- end }}
{{- include "rejoinder.otel" . }}
{{- with concat $values.pods.extraEnv (default list .extraEnv) }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Where telemetry goes, and which pod it is from; the program itself says which service and version. */}}
{{- define "rejoinder.otel" -}}
{{- $otel := .root.Values.otel }}
{{- if $otel.endpoint }}
- name: POD_NAME
  valueFrom: { fieldRef: { fieldPath: metadata.name } }
- name: NODE_NAME
  valueFrom: { fieldRef: { fieldPath: spec.nodeName } }
{{- $env := dict
  "OTEL_EXPORTER_OTLP_ENDPOINT" $otel.endpoint
  "OTEL_EXPORTER_OTLP_PROTOCOL" $otel.protocol
  "OTEL_RESOURCE_ATTRIBUTES" (printf "k8s.pod.name=$(POD_NAME),k8s.node.name=$(NODE_NAME),k8s.namespace.name=%s" .root.Release.Namespace) }}
{{- range $key, $value := merge (dict) $otel.env $env }}
- name: {{ $key }}
  value: {{ $value | quote }}
{{- end }}
{{- with $otel.headersSecret }}
{{- if .name }}
- name: OTEL_EXPORTER_OTLP_HEADERS
  valueFrom: { secretKeyRef: { name: {{ .name }}, key: {{ .key }} } }
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{/* The volumes of a pod, and where its container has them: a JSON object of two lists, so that neither is without the other. */}}
{{- define "rejoinder.volumes" -}}
{{- $values := .root.Values -}}
{{- $name := include "rejoinder.fullname" .root -}}
{{- $hook := and .job $values.jobsAsHooks -}}
{{- $volumes := list
  (dict "name" "config" "configMap" (dict "name" (printf "%s-%s" $name (ternary "hook-config" "config" (not (not $hook))))))
  (dict "name" "data" "emptyDir" (dict "sizeLimit" "64Mi"))
  (dict "name" "tmp" "emptyDir" (dict "sizeLimit" "64Mi")) -}}
{{- $mounts := list
  (dict "name" "config" "mountPath" "/etc/rejoinder/config" "readOnly" true)
  (dict "name" "data" "mountPath" "/var/lib/rejoinder")
  (dict "name" "tmp" "mountPath" "/tmp") -}}
{{- range include "rejoinder.secrets" . | fromJsonArray -}}
{{- $items := list -}}
{{- range $key, $path := .keys -}}
{{- $items = append $items (dict "key" $key "path" $path) -}}
{{- end -}}
{{- $volumes = append $volumes (dict "name" .at "secret" (dict "secretName" .name "items" $items "defaultMode" 288)) -}}
{{- $mounts = append $mounts (dict "name" .at "mountPath" (printf "/etc/rejoinder/%s" .at) "readOnly" true) -}}
{{- end -}}
{{- dict "volumes" $volumes "mounts" $mounts | toJson -}}
{{- end -}}
