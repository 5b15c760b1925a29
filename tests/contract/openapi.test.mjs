// Every response of the sandbox conforms to WorkOS's published OpenAPI document.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { findViolations } from "./openapi.mjs";
import { KEY, startSandbox } from "./sandbox.mjs";

let sandbox;
before(async () => {
  sandbox = await startSandbox();
});
after(() => sandbox.stop());

/** Send a request, check the status, and check the response against the document. */
async function send(method, path, expected, body, key = KEY) {
  const response = await fetch(sandbox.url + path, {
    method,
    headers: { Authorization: `Bearer ${key}`, "Content-Type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  // The bare text of a 429 is the only body that is not JSON.
  const isJson = (response.headers.get("content-type") ?? "").startsWith("application/json");
  const parsed = text === "" ? undefined : isJson ? JSON.parse(text) : text;
  assert.equal(response.status, expected, `${method} ${path}: ${text}`);
  assert.deepEqual(findViolations(method, path, response.status, parsed), [], `${method} ${path}: ${text}`);
  assert.ok(response.headers.get("x-request-id"));
  return parsed;
}

const UNKNOWN_ID = "org_01EHWNCE74X7JSDV0X3SZ3KJNY";

test("responses about organizations conform", async () => {
  const acme = await send("POST", "/organizations", 201, {
    name: "Ärme & Söhne",
    external_id: "acme-1",
    metadata: { tier: "gold" },
    domain_data: [{ domain: "acme.com", state: "pending" }],
  });
  await send("POST", "/organizations", 400, { name: "Other", external_id: "acme-1" });
  await send("POST", "/organizations", 400, { name: "Other", metadata: { key: "x".repeat(601) } });
  await send("POST", "/organizations", 409, { name: "Other", domain_data: [{ domain: "acme.com", state: "pending" }] });
  await send("POST", "/organizations", 422, {});
  await send("POST", "/organizations", 401, { name: "Other" }, "sk_live_no");
  await send("GET", "/organizations", 200);
  await send("GET", "/organizations?limit=1&order=asc&search=rme&domains=acme.com", 200);
  await send("GET", "/organizations?limit=101", 422);
  await send("GET", `/organizations/${acme.id}`, 200);
  await send("GET", `/organizations/${UNKNOWN_ID}`, 404);
  await send("GET", "/organizations/external_id/acme-1", 200);
  await send("GET", "/organizations/external_id/nobody", 404);
  await send("PUT", `/organizations/${acme.id}`, 200, { name: "Acme", stripe_customer_id: "cus_1", external_id: null });
  await send("PUT", `/organizations/${acme.id}`, 422, { name: 7 });
  await send("PUT", `/organizations/${UNKNOWN_ID}`, 404, { name: "Acme" });
  await send("DELETE", `/organizations/${acme.id}`, 202);
  await send("DELETE", `/organizations/${acme.id}`, 202);
});

test("responses about organization domains conform", async () => {
  const acme = await send("POST", "/organizations", 201, { name: "Acme" });
  const item = await send("POST", "/organization_domains", 201, { organization_id: acme.id, domain: "acme.org" });
  await send("POST", "/organization_domains", 409, { organization_id: acme.id, domain: "acme.org" });
  await send("POST", "/organization_domains", 404, { organization_id: UNKNOWN_ID, domain: "acme.net" });
  await send("POST", "/organization_domains", 422, { organization_id: acme.id, domain: "nonsense" });
  await send("GET", `/organization_domains/${item.id}`, 200);
  await send("GET", "/organization_domains/org_domain_1", 404);
  await send("POST", `/organization_domains/${item.id}/verify`, 201);
  await send("POST", "/organization_domains/org_domain_1/verify", 404);
  await sandbox.request("POST", "domains/verify", { organization_id: acme.id, domain: "acme.org" });
  await send("POST", `/organization_domains/${item.id}/verify`, 400);
  await send("GET", `/organizations/${acme.id}`, 200);
  await send("DELETE", `/organization_domains/${item.id}`, 204);
  await send("DELETE", `/organization_domains/${item.id}`, 404);
});

test("responses about portal links conform", async () => {
  const acme = await send("POST", "/organizations", 201, { name: "Acme" });
  for (const intent of ["sso", "dsync", "audit_logs", "log_streams", "domain_verification", "certificate_renewal", "bring_your_own_key"]) {
    await send("POST", "/portal/generate_link", 201, { organization: acme.id, intent });
  }
  await send("POST", "/portal/generate_link", 404, { organization: UNKNOWN_ID, intent: "sso" });
  await sandbox.request("PATCH", "switches", { unknown_organization_status: 400 });
  await send("POST", "/portal/generate_link", 400, { organization: UNKNOWN_ID, intent: "sso" });
  await send("POST", "/portal/generate_link", 422, { organization: acme.id, intent: "coffee" });
  await sandbox.request("POST", "faults", { kind: "status", status: 403 });
  await send("POST", "/portal/generate_link", 403, { organization: acme.id, intent: "sso" });
});

test("responses about connections conform", async () => {
  const acme = await send("POST", "/organizations", 201, { name: "Acme", domain_data: [{ domain: "acme.dev", state: "verified" }] });
  const created = [];
  for (const state of ["draft", "validating", "active", "inactive"]) {
    created.push(await sandbox.request("POST", "connections", { organization_id: acme.id, state }));
  }
  await send("GET", `/connections?organization_id=${acme.id}&limit=2`, 200);
  await send("GET", "/connections?domain=acme.dev&connection_type=OktaSAML", 200);
  await send("GET", "/connections?limit=0", 422);
  for (const row of created) await send("GET", `/connections/${row.id}`, 200);
  await send("DELETE", `/connections/${created[0].id}`, 204);
  await send("GET", `/connections/${created[0].id}`, 404);
  await send("DELETE", `/connections/${created[0].id}`, 404);
});

test("responses about directories, their users and groups conform", async () => {
  await sandbox.request("POST", "seed", {
    organizations: [{ name: "Zenith", domains: ["zenith.com"], directories: [{ type: "okta scim v2.0", users: 3, groups: ["Ops"] }] }],
  });
  const { directories } = await sandbox.request("GET", "state");
  const [directory] = directories;
  await send("GET", `/directories?organization_id=${directory.organization_id}`, 200);
  await send("GET", "/directories?limit=x", 422);
  for (const action of ["unlink", "refuse", "activate"]) {
    await sandbox.request("POST", `directories/${directory.id}/${action}`);
    await send("GET", `/directories/${directory.id}`, 200);
  }
  const users = await send("GET", `/directory_users?directory=${directory.id}&limit=2`, 200);
  await send("GET", `/directory_users/${users.data[0].id}`, 200);
  await send("GET", "/directory_users", 422);
  await send("GET", "/directory_users?directory=directory_1", 404);
  await send("GET", "/directory_users/directory_user_1", 404);
  const groups = await send("GET", `/directory_groups?directory=${directory.id}`, 200);
  await send("GET", `/directory_groups/${groups.data[0].id}`, 200);
  await send("GET", "/directory_groups", 422);
  await send("GET", "/directory_groups?user=directory_user_1", 404);
  await send("GET", "/directory_groups/directory_group_1", 404);
  await send("GET", "/directories/directory_1", 404);
  await send("DELETE", `/directories/${directory.id}`, 202);
});

test("responses about people who leave, return and change conform", async () => {
  await sandbox.request("PATCH", "switches", { user_groups: true, directory_requests_per_second: 100 });
  await sandbox.request("POST", "seed", { organizations: [{ name: "Zenith", directories: [{ type: "okta scim v2.0" }] }] });
  const { directories } = await sandbox.request("GET", "state");
  const { id, organization_id } = directories.at(-1);
  const act = (path, values) => sandbox.request("POST", `directories/${id}/${path}`, values);
  const group = await act("groups/add", { name: "Developers", id: "7" });
  const { data } = await act("people/add", { id: "2836", email: null, group_id: group.id });
  const user_id = data[0].id;
  await send("GET", `/directory_users?directory=${id}&order=asc`, 200);
  await send("GET", `/directory_users?group=${group.id}`, 200);
  await send("GET", `/directory_users/${user_id}`, 200);
  await send("GET", `/directory_groups?user=${user_id}`, 200);
  for (const soft_delete of [true, false]) {
    await sandbox.request("PATCH", "switches", { soft_delete });
    await act("people/deactivate", { user_id });
    await send("GET", `/directory_users/${user_id}`, 200);
    await act("people/return", { user_id });
  }
  await act("groups/rename", { group_id: group.id, name: "Engineering" });
  await act("people/reassign", { user_id });
  await act("people/return", { user_id, new_id: true });
  await act("groups/remove", { group_id: group.id });
  const events = await sandbox.request("GET", `events?organization_id=${organization_id}`);
  const kinds = [...new Set(events.data.map((event) => event.event))];
  assert.ok(kinds.length >= 7, kinds.join(", "));
  await send("GET", `/events?events[]=${kinds.join("&events[]=")}&organization_id=${organization_id}&limit=100`, 200);
});

test("responses about the events of a lifecycle conform", async () => {
  const { organization_id } = await sandbox.request("POST", "lifecycles");
  const events = await sandbox.request("GET", `events?organization_id=${organization_id}`);
  const kinds = [...new Set(events.data.map((event) => event.event))];
  const page = await send("GET", `/events?events=${kinds.join(",")}&organization_id=${organization_id}&limit=100`, 200);
  assert.equal(page.data.length, events.data.length);
  assert.ok(kinds.length >= 23);
  const next = await send("GET", `/events?events=${kinds.join(",")}&limit=3&after=${page.data[0].id}`, 200);
  assert.ok(next.list_metadata.after);
  await send("GET", "/events", 422);
  await send("GET", "/events?events=organization.created&limit=0", 422);
  await send("GET", "/events?events=organization.created&range_start=yesterday", 400);
});

test("responses about webhook endpoints conform", async () => {
  const endpoint_url = "https://example.com/webhooks";
  const created = await send("POST", "/webhook_endpoints", 201, { endpoint_url, events: ["organization.created"] });
  await send("POST", "/webhook_endpoints", 409, { endpoint_url, events: ["organization.created"] });
  await send("POST", "/webhook_endpoints", 422, { endpoint_url: "nonsense", events: ["organization.created"] });
  await send("POST", "/webhook_endpoints", 422, { endpoint_url: "https://example.com/2", events: ["kitten.born"] });
  await send("GET", "/webhook_endpoints", 200);
  await send("GET", "/webhook_endpoints?limit=0", 422);
  await send("PATCH", `/webhook_endpoints/${created.id}`, 200, { status: "disabled" });
  await send("PATCH", `/webhook_endpoints/${created.id}`, 422, { events: ["kitten.born"] });
  await send("PATCH", "/webhook_endpoints/we_1", 404, { status: "disabled" });
  await send("DELETE", `/webhook_endpoints/${created.id}`, 204);
  await send("DELETE", `/webhook_endpoints/${created.id}`, 404);
});

test("responses to too many requests conform", async () => {
  await sandbox.request("PATCH", "switches", { requests_per_minute: 0 });
  await send("GET", "/organizations", 429);
  assert.equal(await send("GET", "/directory_users?directory=directory_1", 429), "Ratelimited");
  await sandbox.request("PATCH", "switches", { requests_per_minute: 6000 });
});
