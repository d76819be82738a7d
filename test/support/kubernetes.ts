import * as keda from '@kubernetes-models/keda/keda.sh/v1alpha1';
import * as monitoring from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1';
import * as apps from 'kubernetes-models/apps/v1';
import * as batch from 'kubernetes-models/batch/v1';
import * as networking from 'kubernetes-models/networking.k8s.io/v1';
import * as policy from 'kubernetes-models/policy/v1';
import * as core from 'kubernetes-models/v1';

/** The schemas: apiVersion → kind → what validates it. */
const models: Readonly<Record<string, object>> = {
  v1: core,
  'apps/v1': apps,
  'batch/v1': batch,
  'networking.k8s.io/v1': networking,
  'policy/v1': policy,
  'keda.sh/v1alpha1': keda,
  'monitoring.coreos.com/v1': monitoring,
};

/** Fails unless the document fits the schema that Kubernetes or the operator publishes for its kind. */
export function validateManifest(document: { apiVersion: string; kind: string }): void {
  const model = Reflect.get(models[document.apiVersion] ?? {}, document.kind);
  if (model === undefined) throw new Error(`No schema of ${document.apiVersion} ${document.kind}`);
  new model(document).validate();
}
