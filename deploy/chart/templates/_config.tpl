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

{{/* The environment of a container: where the configuration is, and the secrets that this component needs and no others.
     All of the program's secrets are named here and in rejoinder.volumes. (dict "root" $ "name" NAME "kafka" OVERRIDES) */}}
{{- define "rejoinder.env" -}}
{{- $values := .root.Values -}}
- name: REJOINDER_CONFIG
  value: /etc/rejoinder/config/rejoinder.toml
# Here and not in the configuration: the image has them as variables, which count for more.
- name: REJOINDER__LISTEN
  value: "{{ $values.pods.bind }}:8080"
- name: REJOINDER__PROBES__LISTEN
  value: "{{ $values.pods.bind }}:9090"
{{- if ne .name "topics" }}
- name: REJOINDER__POSTGRES__URL
  valueFrom: { secretKeyRef: { name: {{ $values.postgres.existingSecret }}, key: {{ $values.postgres.key }} } }
{{- if $values.postgres.caSecret.name }}
- name: PGSSLROOTCERT
  value: /etc/rejoinder/postgres-ca/ca.crt
{{- end }}
{{- end }}
{{- if has .name (list "notifier" "gateway") }}
{{- $keys := list }}
{{- range $index, $key := $values.moderation.keys }}
{{- $keys = append $keys (printf "$(MODERATION_KEY_%d)" $index) }}
- name: MODERATION_KEY_{{ $index }}
  valueFrom: { secretKeyRef: { name: {{ $values.moderation.existingSecret }}, key: {{ $key }} } }
{{- end }}
- name: REJOINDER__MODERATION__KEYS
  value: {{ toJson $keys | squote }}
{{- end }}
{{- if and (eq .name "notifier") $values.smtp.existingSecret }}
- name: REJOINDER__MAIL__SMTP__PASSWORD_FILE
  value: /etc/rejoinder/smtp/password
{{- end }}
{{- if and $values.kafka.sasl.mechanism (ne .name "migrate") }}
{{- $sasl := $values.kafka.sasl }}
{{- $secret := default $sasl.existingSecret .kafka.existingSecret }}
{{- $username := default $sasl.username .kafka.username }}
{{- if not $username }}
- name: KAFKA_USERNAME
  valueFrom: { secretKeyRef: { name: {{ $secret }}, key: {{ $sasl.usernameKey }} } }
{{- end }}
- name: KAFKA_PASSWORD
  valueFrom: { secretKeyRef: { name: {{ $secret }}, key: {{ $sasl.passwordKey }} } }
- name: REJOINDER__KAFKA__PROPERTIES
  value: {{ dict "sasl.username" (default "$(KAFKA_USERNAME)" $username) "sasl.password" "$(KAFKA_PASSWORD)" | toJson | squote }}
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
{{- $secrets := list -}}
{{- if and $values.postgres.caSecret.name (ne .name "topics") -}}
{{- $secrets = append $secrets (dict "at" "postgres-ca" "name" $values.postgres.caSecret.name "items" (list (dict "key" $values.postgres.caSecret.key "path" "ca.crt"))) -}}
{{- end -}}
{{- if and (eq .name "notifier") $values.smtp.existingSecret -}}
{{- $secrets = append $secrets (dict "at" "smtp" "name" $values.smtp.existingSecret "items" (list (dict "key" $values.smtp.key "path" "password"))) -}}
{{- end -}}
{{- $tls := $values.kafka.tls -}}
{{- if $tls.enabled -}}
{{- with $tls.caSecret.name -}}
{{- $secrets = append $secrets (dict "at" "kafka-ca" "name" . "items" (list (dict "key" $tls.caSecret.key "path" "ca.crt"))) -}}
{{- end -}}
{{- if $tls.clientSecret.name -}}
{{- $items := list (dict "key" $tls.clientSecret.certKey "path" "tls.crt") (dict "key" $tls.clientSecret.keyKey "path" "tls.key") -}}
{{- $secrets = append $secrets (dict "at" "kafka-client" "name" (default $tls.clientSecret.name .kafka.clientSecret) "items" $items) -}}
{{- end -}}
{{- end -}}
{{- range $secrets -}}
{{- $volumes = append $volumes (dict "name" .at "secret" (dict "secretName" .name "items" .items "defaultMode" 288)) -}}
{{- $mounts = append $mounts (dict "name" .at "mountPath" (printf "/etc/rejoinder/%s" .at) "readOnly" true) -}}
{{- end -}}
{{- dict "volumes" $volumes "mounts" $mounts | toJson -}}
{{- end -}}
