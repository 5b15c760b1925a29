// WorkOS's Node SDK calls the sandbox and verifies its webhooks.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { WorkOS } from "@workos-inc/node";
import { KEY, SECRET, startReceiver, startSandbox } from "./sandbox.mjs";

let receiver, sandbox, workos;
before(async () => {
  receiver = await startReceiver();
  sandbox = await startSandbox("--webhook-url", receiver.url, "--webhook-secret", SECRET, "--switch", "concurrency=1");
  workos = new WorkOS(KEY, { apiHostname: "127.0.0.1", https: false, port: Number(new URL(sandbox.url).port) });
});
after(() => {
  sandbox.stop();
  receiver.stop();
});

test("SDK creates, gets, lists, updates and deletes organizations", async () => {
  const created = await workos.organizations.createOrganization({
    name: "Acme",
    externalId: "acme-1",
    domainData: [{ domain: "acme.com", state: "pending" }],
    metadata: { tier: "gold" },
  });
  assert.deepEqual(await workos.organizations.getOrganization(created.id), created);
  assert.deepEqual(await workos.organizations.getOrganizationByExternalId("acme-1"), created);
  for (let n = 0; n < 12; n += 1) await workos.organizations.createOrganization({ name: `Many ${n}` });
  const everything = await (await workos.organizations.listOrganizations()).autoPagination();
  assert.equal(everything.length, 13);
  const found = await workos.organizations.listOrganizations({ domains: ["acme.com", "acme.net"] });
  assert.deepEqual(found.data.map((row) => row.id), [created.id]);
  const changed = await workos.organizations.updateOrganization({ organization: created.id, name: "Acme Inc." });
  assert.equal(changed.name, "Acme Inc.");
  await workos.organizations.deleteOrganization(created.id);
  await assert.rejects(workos.organizations.getOrganization(created.id), { status: 404 });
});

test("SDK parses the errors", async () => {
  await workos.organizations.createOrganization({ name: "Acme", externalId: "taken", domainData: [{ domain: "taken.com", state: "pending" }] });
  await assert.rejects(workos.organizations.createOrganization({ name: "Other", externalId: "taken" }), (error) => {
    return error.status === 400 && error.rawData.code === "external_id_already_used";
  });
  await assert.rejects(
    workos.organizations.createOrganization({ name: "Other", domainData: [{ domain: "taken.com", state: "pending" }] }),
    { status: 409 },
  );
  await assert.rejects(workos.organizations.createOrganization({ name: "" }), { status: 422 });
  const unauthorized = new WorkOS("sk_live_no", { apiHostname: "127.0.0.1", https: false, port: Number(new URL(sandbox.url).port) });
  await assert.rejects(unauthorized.organizations.listOrganizations(), { status: 401 });
});

test("SDK verifies a domain and generates a portal link", async () => {
  const acme = await workos.organizations.createOrganization({ name: "Acme" });
  const item = await workos.organizationDomains.create({ organizationId: acme.id, domain: "acme.dev" });
  assert.equal((await workos.organizationDomains.verify(item.id)).state, "pending");
  await sandbox.request("POST", "domains/verify", { organization_id: acme.id, domain: "acme.dev" });
  assert.equal((await workos.organizationDomains.get(item.id)).state, "verified");
  const { link } = await workos.portal.generateLink({ organization: acme.id, intent: "sso", returnUrl: "https://example.com/" });
  const opened = await fetch(link, { redirect: "manual" });
  assert.equal(opened.status, 303);
});

test("SDK lists connections, directories, their users and groups", async () => {
  const acme = await workos.organizations.createOrganization({ name: "Acme" });
  const connection = await sandbox.request("POST", "connections", { organization_id: acme.id });
  const directory = await sandbox.request("POST", "directories", { organization_id: acme.id, users: 3 });
  const connections = await workos.sso.listConnections({ organizationId: acme.id });
  assert.deepEqual(connections.data.map((row) => [row.id, row.state]), [[connection.id, "active"]]);
  const directories = await workos.directorySync.listDirectories({ organizationId: acme.id });
  assert.deepEqual(directories.data.map((row) => row.id), [directory.id]);
  const users = await workos.directorySync.listUsers({ directory: directory.id });
  assert.equal(users.data.length, 3);
  assert.equal((await workos.directorySync.getUser(users.data[0].id)).email, users.data[0].email);
  assert.equal((await workos.directorySync.listGroups({ directory: directory.id })).data.length, 0);
  await workos.sso.deleteConnection(connection.id);
  await workos.directorySync.deleteDirectory(directory.id);
});

test("SDK pages through events", async () => {
  const events = ["organization.created", "organization.deleted"];
  const first = await workos.events.listEvents({ events, limit: 2 });
  const second = await workos.events.listEvents({ events, limit: 2, after: first.listMetadata.after });
  assert.equal(first.data.length, 2);
  assert.ok(second.data[0].createdAt >= first.data[1].createdAt);
  assert.notEqual(second.data[0].id, first.data[1].id);
});

test("SDK verifies every webhook of a lifecycle", async () => {
  await sandbox.request("POST", "settle");
  receiver.requests.length = 0;
  await sandbox.request("POST", "lifecycles", { name: "Ärme & Söhne \u2028 “quoted”" });
  await sandbox.request("POST", "settle");
  assert.ok(receiver.requests.length >= 23);
  for (const { body, headers } of receiver.requests) {
    // This SDK serializes the parsed body again: the result must equal the body that was signed.
    assert.equal(JSON.stringify(JSON.parse(body)), body);
    const event = await workos.webhooks.constructEvent({
      payload: JSON.parse(body),
      sigHeader: headers["workos-signature"],
      secret: SECRET,
    });
    // This SDK verifies certificate events but returns undefined: it has no model for them.
    if (event) assert.equal(event.id, JSON.parse(body).id);
    else assert.match(JSON.parse(body).event, /^connection\.saml_certificate_/);
  }
});

test("SDK refuses a webhook signed with another secret", async () => {
  await sandbox.request("POST", "faults", { kind: "wrong_secret" });
  receiver.requests.length = 0;
  await workos.organizations.createOrganization({ name: "Acme" });
  await sandbox.request("POST", "settle");
  const [{ body, headers }] = receiver.requests;
  await assert.rejects(
    workos.webhooks.constructEvent({ payload: JSON.parse(body), sigHeader: headers["workos-signature"], secret: SECRET }),
    /does not match/,
  );
});
