// WorkOS's OpenAPI document, and the question whether an answer is one that it allows.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import addFormats from "ajv-formats";
import Ajv from "ajv/dist/2020.js";
import { parse } from "yaml";

const require = createRequire(import.meta.url);

// Another copy of the document may be named; the published package is read where none is.
const file = process.env.WORKOS_OPENAPI ?? require.resolve("@workos/openapi-spec/spec");
const document = parse(readFileSync(file, "utf8"));
const ajv = new Ajv({ strict: false, allErrors: true });
addFormats(ajv);
ajv.addSchema(document, "workos");

// Answers that the API gives anywhere, which the document does not repeat for each operation.
const ANYWHERE = {
  401: { type: "object", required: ["message"] },
  429: { type: "object", required: ["message"] },
};

// Answers that the document leaves out though the operation cannot do without: a wrong id, a wrong value.
const LEFT_OUT = new Set([
  "POST /organization_domains 404",
  "POST /organization_domains 422",
  "POST /organization_domains/{id}/verify 404",
  "GET /webhook_endpoints 422",
]);

function operation(method, path) {
  const parts = path.split("?")[0].split("/");
  const names = Object.keys(document.paths).filter((name) => {
    const wanted = name.split("/");
    return (
      wanted.length === parts.length &&
      wanted.every((part, place) => part === parts[place] || part.startsWith("{")) &&
      document.paths[name][method.toLowerCase()]
    );
  });
  // A path without a placeholder is nearer than one with.
  return names.sort((one, other) => one.split("{").length - other.split("{").length)[0];
}

const pointer = (...keys) =>
  keys.map((key) => encodeURIComponent(String(key).replaceAll("~", "~0").replaceAll("/", "~1"))).join("/");

/** What the document has against this answer, as a list of sentences. */
export function objections(method, path, status, body) {
  const name = operation(method, path);
  if (!name) return [`the document has no ${method} ${path}`];
  const responses = document.paths[name][method.toLowerCase()].responses;
  const described = responses[status];
  if (!described) {
    if (LEFT_OUT.has(`${method} ${name} ${status}`)) return check(ANYWHERE[401], body);
    if (ANYWHERE[status]) return check(ANYWHERE[status], body);
    return [`${method} ${name} never answers ${status}; it answers ${Object.keys(responses).join(", ")}`];
  }
  if (!described.content) return body === undefined ? [] : [`${method} ${name} ${status} has no body`];
  const schema = described.content["application/json"].schema;
  if (Object.keys(schema).length === 0) return [];
  return check(
    {
      $ref: `workos#/${pointer("paths", name, method.toLowerCase(), "responses", status, "content", "application/json", "schema")}`,
    },
    body,
  );
}

function check(schema, body) {
  const validate = ajv.compile(schema);
  if (validate(body)) return [];
  return validate.errors.map((error) => `${error.instancePath || "the body"} ${error.message}`);
}
