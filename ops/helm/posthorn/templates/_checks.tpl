{{- /* What the schema of the values cannot say. Fails with what is wrong and what to do. */ -}}
{{- define "posthorn.check" -}}
{{- if not (or .Values.existingSecret .Values.database.secretName) -}}
{{- fail "\n\nNo database is named. Posthorn needs the URL of a Postgres, from a Secret:\n  --set existingSecret=NAME          a Secret of which each key is a setting, with DATABASE_URL\n  --set database.secretName=NAME     a Secret of a Postgres operator; database.secretKey is its key\n" -}}
{{- end -}}
{{- $secrets := list "DATABASE_URL" "REDIS_URL" "POSTHORN_API_KEY" "POSTHORN_ENCRYPTION_KEYS" "POSTHORN_PROXY_URL" "POSTHORN_ALERT_URL" "POSTHORN_ALERT_SECRET" -}}
{{- $fixed := list "HOST" "PORT" "POSTHORN_HEALTH_PORT" "POSTHORN_METRICS_PORT" "POSTHORN_DATA_DIR" -}}
{{- range $name, $value := .Values.settings -}}
{{- if has $name $secrets -}}
{{- fail (printf "\n\nsettings.%s holds a secret, and settings become a ConfigMap: put it into the Secret that existingSecret names\n" $name) -}}
{{- end -}}
{{- if has $name $fixed -}}
{{- fail (printf "\n\nsettings.%s cannot be set: the chart sets it\n" $name) -}}
{{- end -}}
{{- end -}}
{{- range $component := list "worker" "api" -}}
{{- $budget := (get $.Values $component).podDisruptionBudget -}}
{{- if and $budget.enabled (kindIs "invalid" $budget.minAvailable) (kindIs "invalid" $budget.maxUnavailable) -}}
{{- fail (printf "\n\n%s.podDisruptionBudget has neither minAvailable nor maxUnavailable: set one, or enabled to false\n" $component) -}}
{{- end -}}
{{- end -}}
{{- if and .Values.networkPolicy.enabled (empty .Values.networkPolicy.postgresTo) -}}
{{- fail "\n\nnetworkPolicy.postgresTo is empty: no pod could reach Postgres. Name its peers, such as [{ ipBlock: { cidr: 10.0.0.5/32 } }]\n" -}}
{{- end -}}
{{- if and .Values.worker.keda.enabled (not (or .Values.worker.keda.secretName .Values.existingSecret)) -}}
{{- fail "\n\nworker.keda has no connection: set worker.keda.secretName to a Secret that has the URL of the scaler's role\n" -}}
{{- end -}}
{{- if and .Values.api.ingress.enabled (empty .Values.api.ingress.hosts) -}}
{{- fail "\n\napi.ingress.hosts is empty: name the hosts under which the API is reached\n" -}}
{{- end -}}
{{- end -}}
