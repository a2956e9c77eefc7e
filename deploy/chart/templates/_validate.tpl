{{/* What the schema cannot say, each with what to do about it. */}}
{{- define "rejoinder.validate" -}}
{{- $values := .Values -}}
{{- $config := $values.config -}}
{{- $kafka := $config.kafka -}}

{{- range $key, $value := dict
  "config.public_url" $config.public_url
  "config.kafka.brokers" $kafka.brokers
  "config.mail.from" $config.mail.from
  "config.mail.smtp.host" $config.mail.smtp.host
  "postgres.existingSecret" $values.postgres.existingSecret
  "moderation.existingSecret" $values.moderation.existingSecret -}}
{{- if not $value -}}{{- fail (printf "%s must be given; values.yaml says what it is" $key) -}}{{- end -}}
{{- end -}}
{{- if not $config.sites -}}
{{- fail "config.sites must name at least one site, with its moderators" -}}
{{- end -}}

{{/* Nothing secret in a ConfigMap. */}}
{{- range $key := list "sasl.username" "sasl.password" "sasl.jaas.config" "ssl.key.password" "ssl.key.pem" "ssl.keystore.password" "sasl.oauthbearer.client.secret" "sasl.oauthbearer.client.credentials.client.secret" -}}
{{- if hasKey $kafka.properties $key -}}
{{- fail (printf "config.kafka.properties has %q, which would stand in a ConfigMap: use kafka.sasl and kafka.tls, or REJOINDER__KAFKA__PROPERTIES in extraEnv from a secret" $key) -}}
{{- end -}}
{{- end -}}
{{- range $key := list "security.protocol" "sasl.mechanism" "sasl.mechanisms" "ssl.ca.location" "ssl.certificate.location" "ssl.key.location" -}}
{{- if hasKey $kafka.properties $key -}}
{{- fail (printf "config.kafka.properties has %q: it follows from kafka.tls and kafka.sasl" $key) -}}
{{- end -}}
{{- end -}}

{{/* Kafka's security, for everybody who speaks to it. */}}
{{- $clients := dict "gateway" $values.gateway.kafka "keda" $values.keda.kafka "topics" $values.topics.kafka -}}
{{- range $name, $own := $values.workers -}}{{- $_ := set $clients (printf "workers.%s" $name) $own.kafka -}}{{- end -}}
{{- range $name, $own := $clients -}}
{{- if and (or $own.username $own.existingSecret) (not $values.kafka.sasl.mechanism) -}}
{{- fail (printf "%s.kafka names a user, but kafka.sasl.mechanism is empty" $name) -}}
{{- end -}}
{{- if and $own.clientSecret (not (and $values.kafka.tls.enabled $values.kafka.tls.clientSecret.name)) -}}
{{- fail (printf "%s.kafka.clientSecret needs kafka.tls.enabled and kafka.tls.clientSecret.name" $name) -}}
{{- end -}}
{{- if and $values.kafka.sasl.mechanism (not (default $values.kafka.sasl.existingSecret $own.existingSecret)) -}}
{{- fail (printf "kafka.sasl.mechanism is set, so kafka.sasl.existingSecret (or %s.kafka.existingSecret) must name the secret with the password" $name) -}}
{{- end -}}
{{- end -}}
{{- if and (not $values.kafka.tls.enabled) (or $values.kafka.tls.caSecret.name $values.kafka.tls.clientSecret.name) -}}
{{- fail "kafka.tls names a secret, but kafka.tls.enabled is false" -}}
{{- end -}}
{{- if and $config.mail.smtp.username (not $values.smtp.existingSecret) -}}
{{- fail "config.mail.smtp.username is set, so smtp.existingSecret must name the secret with its password" -}}
{{- end -}}
{{- if and $values.dkim.existingSecret (not (dig "dkim" "selector" "" $config.mail)) -}}
{{- fail "dkim.existingSecret is set, so config.mail.dkim.selector must say under which name the public key stands in DNS" -}}
{{- end -}}

{{/* No more replicas than partitions. */}}
{{- $runners := int $config.pipeline.runners -}}
{{- $most := div (int $kafka.partitions) $runners -}}
{{- range $name, $own := $values.workers -}}
{{- $asked := ternary (int $own.autoscaling.maxReplicas) (int $own.replicas) $values.keda.enabled -}}
{{- if gt $asked (int $most) -}}
{{- fail (printf "workers.%s.%s is %d, but config.kafka.partitions (%d) feed at most %d replicas of %d runners: the others would have nothing to do" $name (ternary "autoscaling.maxReplicas" "replicas" $values.keda.enabled) $asked (int $kafka.partitions) (int $most) $runners) -}}
{{- end -}}
{{- if and $values.keda.enabled (gt (int $own.autoscaling.minReplicas) (int $own.autoscaling.maxReplicas)) -}}
{{- fail (printf "workers.%s.autoscaling.minReplicas is above maxReplicas" $name) -}}
{{- end -}}
{{- end -}}
{{- if and $values.gateway.autoscaling.enabled (gt (int $values.gateway.autoscaling.minReplicas) (int $values.gateway.autoscaling.maxReplicas)) -}}
{{- fail "gateway.autoscaling.minReplicas is above maxReplicas" -}}
{{- end -}}
{{- if and $values.keda.enabled (le (int $values.keda.activationLagThreshold) (int $kafka.partitions)) -}}
{{- fail (printf "keda.activationLagThreshold must be above config.kafka.partitions (%d): a transaction leaves a mark of one record in each" (int $kafka.partitions)) -}}
{{- end -}}

{{/* The grace period covers what a worker may need. */}}
{{- $need := divf (addf $kafka.transaction_timeout_ms $kafka.session_timeout_ms) 1000 | ceil | add $config.pipeline.deadline_seconds -}}
{{- $given := int $values.pods.terminationGracePeriodSeconds -}}
{{- if and $given (le $given (int $need)) -}}
{{- fail (printf "pods.terminationGracePeriodSeconds is %d, not above drain + commit + session time-out, %d" $given (int $need)) -}}
{{- end -}}

{{- if and $values.gateway.httpRoute.enabled (not $values.gateway.httpRoute.parentRefs) -}}
{{- fail "gateway.httpRoute.enabled needs gateway.httpRoute.parentRefs: the Gateway that it hangs on" -}}
{{- end -}}
{{- if and (eq $values.topics.mode "strimzi") (not $values.topics.strimzi.cluster) -}}
{{- fail "topics.mode is strimzi, so topics.strimzi.cluster must name the Kafka object" -}}
{{- end -}}
{{- if and (eq $values.topics.mode "strimzi") (gt (int $values.topics.strimzi.minInsyncReplicas) (int $kafka.replication_factor)) -}}
{{- fail "topics.strimzi.minInsyncReplicas is above config.kafka.replication_factor: nothing could be written" -}}
{{- end -}}
{{- if and (not $values.serviceAccount.create) (not $values.serviceAccount.name) -}}
{{- fail "serviceAccount.create is false, so serviceAccount.name must name one that is there" -}}
{{- end -}}
{{- end -}}
