// Usage: node validate.mjs FOLDER
// Checks each document in the folder's *.yaml against
//   the names and types of the API (TypeScript's check of excess properties refuses a misspelt field),
//   its patterns and ranges (the schema's own validators),
//   and our own rules: what the API accepts but we don't want.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { parseAllDocuments } from "yaml";

const folder = process.argv[2];
const here = import.meta.dirname ?? new URL(".", import.meta.url).pathname;
const mistakes = [];
const resources = [];

for (const file of readdirSync(folder).filter((name) => name.endsWith(".yaml")).sort()) {
  // As Kubernetes reads it: YAML 1.1, where a duplicate key is an error.
  for (const document of parseAllDocuments(readFileSync(join(folder, file), "utf8"), { version: "1.1", uniqueKeys: true })) {
    for (const error of [...document.errors, ...document.warnings]) mistakes.push(`${file}: ${error.message}`);
    const value = document.toJS();
    if (value === null || value.kind === "Kustomization") continue;
    resources.push({ file, value, name: `${file}: ${value.kind} ${value.metadata?.name}` });
  }
}

// ---- the API ------------------------------------------------------------------------------------

const scratch = mkdtempSync(join(here, "check-"));
try {
  const known = resources.filter(({ value, name }) => {
    const [group, version] = value.apiVersion?.includes("/") ? value.apiVersion.split("/") : ["", value.apiVersion];
    const module = `kubernetes-models/${group === "" ? version : `${group}/${version}`}/${value.kind}`;
    if (typeof value.kind === "string" && existsSync(join(here, "node_modules", `${module}.d.ts`))) return true;
    mistakes.push(`${name}: the API knows no ${value.kind} in ${value.apiVersion}`);
    return false;
  });
  const files = known.map(({ value }, i) => {
    const path = join(scratch, `${i}.ts`);
    const text = `import type { I${value.kind} } from "kubernetes-models/${value.apiVersion}/${value.kind}";\nexport const it: I${value.kind} = ${JSON.stringify(value, null, 1)};\n`;
    writeFileSync(path, text);
    return path;
  });
  const program = ts.createProgram(files, {
    strict: true, noEmit: true, skipLibCheck: true, types: [], target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext, moduleResolution: ts.ModuleResolutionKind.Bundler,
  });
  for (const diagnostic of ts.getPreEmitDiagnostics(program)) {
    const at = diagnostic.file === undefined ? -1 : files.indexOf(diagnostic.file.fileName);
    const line = at < 0 ? "" : diagnostic.file.text.slice(diagnostic.start, diagnostic.start + 60).split("\n")[0];
    mistakes.push(`${at < 0 ? "typescript" : known[at].name}: ${line} ${ts.flattenDiagnosticMessageText(diagnostic.messageText, " ")}`);
  }
  for (const { value, name } of known) {
    const model = (await import(`kubernetes-models/${value.apiVersion}/${value.kind}`))[value.kind];
    try {
      new model(value).validate();
    } catch (refused) {
      mistakes.push(`${name}: ${refused.message}`);
    }
  }
} finally {
  rmSync(scratch, { recursive: true });
}

// ---- our own rules ------------------------------------------------------------------------------

const say = (name, what) => mistakes.push(`${name}: ${what}`);
const of = (kind) => resources.filter(({ value }) => value.kind === kind);
const pods = [...of("Deployment"), ...of("Job")].map(({ value, name }) => ({ name, kind: value.kind, template: value.spec?.template ?? {}, selector: value.spec?.selector }));
const matches = (selector, labels = {}) => {
  const expressions = selector?.matchExpressions ?? [];
  return Object.entries(selector?.matchLabels ?? {}).every(([key, text]) => labels[key] === text) && expressions.every((e) => e.operator === "In" && e.values.includes(labels[e.key]));
};
const selected = (selector) => pods.filter(({ template }) => matches(selector, template.metadata?.labels));
const portsOf = (pod) => (pod.template.spec?.containers ?? []).flatMap((container) => container.ports ?? []);
const hasPort = (targets, port) => targets.every((pod) => portsOf(pod).some((known) => known.name === port || known.containerPort === port));
const require = (name, kind, wanted) => of(kind).some(({ value }) => value.metadata.name === wanted) || say(name, `no ${kind} is named ${wanted}`);

for (const { value, name } of resources) {
  const wanted = value.kind === "Namespace" ? undefined : "identityserver";
  if (value.metadata?.namespace !== wanted) say(name, `the namespace is ${value.metadata?.namespace}`);
  if (value.kind === "Secret") say(name, "a secret does not belong in these files");
}

for (const { name, kind, template, selector } of pods) {
  const spec = template.spec ?? {};
  const is = (isSo, what) => isSo || say(name, `${what} is missing`);
  if (kind === "Deployment") is(matches(selector, template.metadata?.labels), "a selector that matches its own pods");
  is(spec.securityContext?.runAsNonRoot === true, "runAsNonRoot");
  is(spec.securityContext?.seccompProfile?.type === "RuntimeDefault", "seccompProfile RuntimeDefault");
  is(spec.automountServiceAccountToken === false, "automountServiceAccountToken: false");
  if (spec.serviceAccountName) require(name, "ServiceAccount", spec.serviceAccountName);
  for (const volume of spec.volumes ?? []) if (volume.configMap) require(name, "ConfigMap", volume.configMap.name);
  for (const container of spec.containers ?? []) {
    const security = container.securityContext ?? {};
    is(security.readOnlyRootFilesystem === true, "readOnlyRootFilesystem");
    is(security.allowPrivilegeEscalation === false, "allowPrivilegeEscalation: false");
    is(security.capabilities?.drop?.includes("ALL"), "capabilities drop ALL");
    is(container.resources?.requests?.cpu && container.resources?.requests?.memory && container.resources?.limits?.memory, "requests and limits");
    if (!/:[^:/]+$/.test(container.image ?? "") || container.image.endsWith(":latest")) say(name, `the image ${container.image} has no version`);
    for (const mount of container.volumeMounts ?? []) is(spec.volumes?.some((volume) => volume.name === mount.name), `the volume ${mount.name}`);
    for (const from of container.envFrom ?? []) if (from.configMapRef) require(name, "ConfigMap", from.configMapRef.name);
    for (const variable of container.env ?? []) if (variable.value !== undefined && /secret|password|connection/i.test(variable.name)) say(name, `${variable.name} is given in the clear`);
    if (kind !== "Deployment") continue;
    for (const [probe, path] of [["startupProbe", "/health/live"], ["livenessProbe", "/health/live"], ["readinessProbe", "/health/ready"]])
      is(container[probe]?.httpGet?.path === path && portsOf({ template }).some((port) => port.name === container[probe].httpGet.port), `${probe} at ${path}`);
    const ends = of("ConfigMap").find(({ value }) => value.metadata.name === container.envFrom?.[0]?.configMapRef?.name)?.value.data ?? {};
    is(Number(ends.Shutdown__DrainSeconds) + Number(ends.Shutdown__TimeoutSeconds) + 10 <= spec.terminationGracePeriodSeconds, "time to end in terminationGracePeriodSeconds");
  }
}

for (const { value, name } of of("Service")) {
  const targets = selected({ matchLabels: value.spec.selector });
  if (targets.length === 0) say(name, "matches no pod");
  for (const port of value.spec.ports) if (!hasPort(targets, port.targetPort)) say(name, `no container has the port ${port.targetPort}`);
}

for (const { value, name } of of("PodDisruptionBudget")) if (selected(value.spec.selector).length === 0) say(name, "matches no pod");

for (const { value, name } of of("NetworkPolicy")) {
  const targets = selected(value.spec.podSelector);
  if (targets.length === 0) say(name, "matches no pod");
  const checkPorts = (rule, pods) => {
    for (const { port } of rule.ports ?? []) if (typeof port === "string" && !hasPort(pods, port)) say(name, `a container has no port ${port}`);
  };
  for (const rule of value.spec.ingress ?? []) {
    checkPorts(rule, targets);
    for (const from of rule.from ?? []) if (from.podSelector && !from.namespaceSelector && selected(from.podSelector).length === 0) say(name, "matches no pod in from");
  }
  for (const rule of value.spec.egress ?? []) {
    for (const to of rule.to ?? []) if (to.podSelector && !to.namespaceSelector) {
      if (selected(to.podSelector).length === 0) say(name, "matches no pod in to");
      checkPorts(rule, selected(to.podSelector));
    }
  }
}

// Clients' keys and logout addresses may be at any public address, but not inside the cluster or the cloud.
const open = of("NetworkPolicy").filter(({ value }) => selected(value.spec.podSelector).some((pod) => pod.template.metadata?.labels?.["app.kubernetes.io/name"] === "identityserver"))
  .flatMap(({ value }) => value.spec.egress ?? []).filter((rule) => rule.ports?.some((port) => port.protocol === "TCP" && port.port === 443))
  .flatMap((rule) => rule.to ?? []).find((to) => to.ipBlock?.cidr === "0.0.0.0/0");
if (of("NetworkPolicy").length > 0 && !open) say("NetworkPolicy", "the IdentityServer reaches no client by TCP 443");
for (const network of ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "127.0.0.0/8"])
  if (open && !open.ipBlock.except?.includes(network)) say("NetworkPolicy", `the IdentityServer reaches ${network} by TCP 443`);

for (const { value, name } of of("Ingress")) {
  for (const { host, http } of value.spec.rules ?? []) {
    if (!value.spec.tls?.some((tls) => tls.hosts.includes(host))) say(name, `${host} has no certificate`);
    for (const { backend } of http.paths) {
      const service = of("Service").find((it) => it.value.metadata.name === backend.service.name);
      if (!service?.value.spec.ports.some((port) => port.name === backend.service.port.name)) say(name, `no Service ${backend.service.name} has the port ${backend.service.port.name}`);
    }
  }
}

for (const { value, name } of of("ConfigMap")) {
  const text = value.data?.["manifest.json"];
  if (text === undefined) continue;
  try {
    const variables = pods.flatMap((pod) => pod.template.spec.containers).flatMap((container) => container.env ?? []).map((variable) => variable.name);
    for (const { client_id: client, client_secret: secret } of JSON.parse(text).clients)
      if (secret !== undefined && !(secret.startsWith("$") && variables.includes(secret.slice(1)))) say(name, `client ${client}: no container has the variable of its secret`);
  } catch (broken) {
    say(name, `manifest.json: ${broken.message}`);
  }
}

for (const mistake of mistakes) console.error(mistake);
console.log(mistakes.length === 0 ? `${resources.length} manifests are right.` : `${mistakes.length} mistakes.`);
process.exit(mistakes.length === 0 && resources.length > 0 ? 0 : 1);
