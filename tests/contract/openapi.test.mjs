// Every answer of the sandbox is one that WorkOS's published OpenAPI document allows.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { objections } from "./openapi.mjs";
import { KEY, startSandbox } from "./sandbox.mjs";

let sandbox;
before(async () => {
  sandbox = await startSandbox();
});
after(() => sandbox.stop());

/** Ask, hold the answer against the document, and expect the status. */
async function ask(method, path, expected, body, key = KEY) {
  const answer = await fetch(sandbox.url + path, {
    method,
    headers: { Authorization: `Bearer ${key}`, "Content-Type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  const read = text === "" ? undefined : JSON.parse(text);
  assert.equal(answer.status, expected, `${method} ${path}: ${text}`);
  assert.deepEqual(objections(method, path, answer.status, read), [], `${method} ${path}: ${text}`);
  assert.ok(answer.headers.get("x-request-id"));
  return read;
}

const NOBODY = "org_01EHWNCE74X7JSDV0X3SZ3KJNY";

test("organizations", async () => {
  const acme = await ask("POST", "/organizations", 201, {
    name: "Ärme & Söhne",
    external_id: "acme-1",
    metadata: { tier: "gold" },
    domain_data: [{ domain: "acme.com", state: "pending" }],
  });
  await ask("POST", "/organizations", 400, { name: "Other", external_id: "acme-1" });
  await ask("POST", "/organizations", 400, { name: "Other", metadata: { key: "x".repeat(601) } });
  await ask("POST", "/organizations", 409, { name: "Other", domain_data: [{ domain: "acme.com", state: "pending" }] });
  await ask("POST", "/organizations", 422, {});
  await ask("POST", "/organizations", 401, { name: "Other" }, "sk_live_no");
  await ask("GET", "/organizations", 200);
  await ask("GET", "/organizations?limit=1&order=asc&search=rme&domains=acme.com", 200);
  await ask("GET", "/organizations?limit=101", 422);
  await ask("GET", `/organizations/${acme.id}`, 200);
  await ask("GET", `/organizations/${NOBODY}`, 404);
  await ask("GET", "/organizations/external_id/acme-1", 200);
  await ask("GET", "/organizations/external_id/nobody", 404);
  await ask("PUT", `/organizations/${acme.id}`, 200, { name: "Acme", stripe_customer_id: "cus_1", external_id: null });
  await ask("PUT", `/organizations/${acme.id}`, 422, { name: 7 });
  await ask("PUT", `/organizations/${NOBODY}`, 404, { name: "Acme" });
  await ask("DELETE", `/organizations/${acme.id}`, 202);
  await ask("DELETE", `/organizations/${acme.id}`, 202);
});

test("organization domains", async () => {
  const acme = await ask("POST", "/organizations", 201, { name: "Acme" });
  const item = await ask("POST", "/organization_domains", 201, { organization_id: acme.id, domain: "acme.org" });
  await ask("POST", "/organization_domains", 409, { organization_id: acme.id, domain: "acme.org" });
  await ask("POST", "/organization_domains", 404, { organization_id: NOBODY, domain: "acme.net" });
  await ask("POST", "/organization_domains", 422, { organization_id: acme.id, domain: "nonsense" });
  await ask("GET", `/organization_domains/${item.id}`, 200);
  await ask("GET", "/organization_domains/org_domain_1", 404);
  await ask("POST", `/organization_domains/${item.id}/verify`, 201);
  await ask("POST", "/organization_domains/org_domain_1/verify", 404);
  await sandbox.request("POST", "domains/verify", { organization_id: acme.id, domain: "acme.org" });
  await ask("POST", `/organization_domains/${item.id}/verify`, 400);
  await ask("GET", `/organizations/${acme.id}`, 200);
  await ask("DELETE", `/organization_domains/${item.id}`, 204);
  await ask("DELETE", `/organization_domains/${item.id}`, 404);
});

test("portal links", async () => {
  const acme = await ask("POST", "/organizations", 201, { name: "Acme" });
  for (const intent of ["sso", "dsync", "audit_logs", "log_streams", "domain_verification", "certificate_renewal", "bring_your_own_key"]) {
    await ask("POST", "/portal/generate_link", 201, { organization: acme.id, intent });
  }
  await ask("POST", "/portal/generate_link", 404, { organization: NOBODY, intent: "sso" });
  await sandbox.request("PATCH", "switches", { unknown_organization_status: 400 });
  await ask("POST", "/portal/generate_link", 400, { organization: NOBODY, intent: "sso" });
  await ask("POST", "/portal/generate_link", 422, { organization: acme.id, intent: "coffee" });
  await sandbox.request("POST", "faults", { kind: "status", status: 403 });
  await ask("POST", "/portal/generate_link", 403, { organization: acme.id, intent: "sso" });
});

test("connections", async () => {
  const acme = await ask("POST", "/organizations", 201, { name: "Acme", domain_data: [{ domain: "acme.dev", state: "verified" }] });
  const made = [];
  for (const state of ["draft", "validating", "active", "inactive"]) {
    made.push(await sandbox.request("POST", "connections", { organization_id: acme.id, state }));
  }
  await ask("GET", `/connections?organization_id=${acme.id}&limit=2`, 200);
  await ask("GET", "/connections?domain=acme.dev&connection_type=OktaSAML", 200);
  await ask("GET", "/connections?limit=0", 422);
  for (const row of made) await ask("GET", `/connections/${row.id}`, 200);
  await ask("DELETE", `/connections/${made[0].id}`, 204);
  await ask("GET", `/connections/${made[0].id}`, 404);
  await ask("DELETE", `/connections/${made[0].id}`, 404);
});

test("directories, their users and their groups", async () => {
  await sandbox.request("POST", "seed", {
    organizations: [{ name: "Zenith", domains: ["zenith.com"], directories: [{ type: "okta scim v2.0", users: 3, groups: ["Ops"] }] }],
  });
  const { directories } = await sandbox.request("GET", "state");
  const [directory] = directories;
  await ask("GET", `/directories?organization_id=${directory.organization_id}`, 200);
  await ask("GET", "/directories?limit=x", 422);
  for (const deed of ["unlink", "refuse", "activate"]) {
    await sandbox.request("POST", `directories/${directory.id}/${deed}`);
    await ask("GET", `/directories/${directory.id}`, 200);
  }
  const users = await ask("GET", `/directory_users?directory=${directory.id}&limit=2`, 200);
  await ask("GET", `/directory_users/${users.data[0].id}`, 200);
  await ask("GET", "/directory_users", 422);
  await ask("GET", "/directory_users?directory=directory_1", 404);
  await ask("GET", "/directory_users/directory_user_1", 404);
  const groups = await ask("GET", `/directory_groups?directory=${directory.id}`, 200);
  await ask("GET", `/directory_groups/${groups.data[0].id}`, 200);
  await ask("GET", "/directory_groups", 422);
  await ask("GET", "/directory_groups?user=directory_user_1", 404);
  await ask("GET", "/directory_groups/directory_group_1", 404);
  await ask("GET", "/directories/directory_1", 404);
  await ask("DELETE", `/directories/${directory.id}`, 202);
});

test("events of a whole life", async () => {
  const { organization_id } = await sandbox.request("POST", "lifecycles");
  const told = await sandbox.request("GET", `events?organization_id=${organization_id}`);
  const kinds = [...new Set(told.data.map((event) => event.event))];
  const page = await ask("GET", `/events?events=${kinds.join(",")}&organization_id=${organization_id}&limit=100`, 200);
  assert.equal(page.data.length, told.data.length);
  assert.ok(kinds.length >= 23);
  const next = await ask("GET", `/events?events=${kinds.join(",")}&limit=3&after=${page.data[0].id}`, 200);
  assert.ok(next.list_metadata.after);
  await ask("GET", "/events", 422);
  await ask("GET", "/events?events=organization.created&limit=0", 422);
  await ask("GET", "/events?events=organization.created&range_start=yesterday", 400);
});

test("webhook endpoints", async () => {
  const endpoint_url = "https://example.com/webhooks";
  const made = await ask("POST", "/webhook_endpoints", 201, { endpoint_url, events: ["organization.created"] });
  await ask("POST", "/webhook_endpoints", 409, { endpoint_url, events: ["organization.created"] });
  await ask("POST", "/webhook_endpoints", 422, { endpoint_url: "nonsense", events: ["organization.created"] });
  await ask("POST", "/webhook_endpoints", 422, { endpoint_url: "https://example.com/2", events: ["kitten.born"] });
  await ask("GET", "/webhook_endpoints", 200);
  await ask("GET", "/webhook_endpoints?limit=0", 422);
  await ask("PATCH", `/webhook_endpoints/${made.id}`, 200, { status: "disabled" });
  await ask("PATCH", `/webhook_endpoints/${made.id}`, 422, { events: ["kitten.born"] });
  await ask("PATCH", "/webhook_endpoints/we_1", 404, { status: "disabled" });
  await ask("DELETE", `/webhook_endpoints/${made.id}`, 204);
  await ask("DELETE", `/webhook_endpoints/${made.id}`, 404);
});

test("too many requests", async () => {
  await sandbox.request("PATCH", "switches", { requests_per_minute: 0 });
  await ask("GET", "/organizations", 429);
  await ask("GET", "/directory_users?directory=directory_1", 429);
  await sandbox.request("PATCH", "switches", { requests_per_minute: 6000 });
});
