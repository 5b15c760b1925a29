// Checks responses against WorkOS's OpenAPI document.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import addFormats from "ajv-formats";
import Ajv from "ajv/dist/2020.js";
import { parse } from "yaml";

const require = createRequire(import.meta.url);

// WORKOS_OPENAPI may name another copy of the document than the published package.
const file = process.env.WORKOS_OPENAPI ?? require.resolve("@workos/openapi-spec/spec");
const document = parse(readFileSync(file, "utf8"));
const ajv = new Ajv({ strict: false, allErrors: true });
addFormats(ajv);
ajv.addSchema(document, "workos");

// Responses of every operation, which the document does not repeat for each.
const COMMON_RESPONSES = {
  401: { type: "object", required: ["message"] },
  429: { type: "object", required: ["message"] },
};

// Responses to a wrong id or value that the document omits.
const OMITTED_RESPONSES = new Set([
  "POST /organization_domains 404",
  "POST /organization_domains 422",
  "POST /organization_domains/{id}/verify 404",
  "GET /webhook_endpoints 422",
]);

function findOperation(method, path) {
  const parts = path.split("?")[0].split("/");
  const names = Object.keys(document.paths).filter((name) => {
    const wanted = name.split("/");
    return (
      wanted.length === parts.length &&
      wanted.every((part, place) => part === parts[place] || part.startsWith("{")) &&
      document.paths[name][method.toLowerCase()]
    );
  });
  // A path without a placeholder is a better match.
  return names.sort((one, other) => one.split("{").length - other.split("{").length)[0];
}

const pointer = (...keys) =>
  keys.map((key) => encodeURIComponent(String(key).replaceAll("~", "~0").replaceAll("/", "~1"))).join("/");

/** The violations of the document by this response, as a list of sentences. */
export function findViolations(method, path, status, body) {
  const name = findOperation(method, path);
  if (!name) return [`the document has no ${method} ${path}`];
  const responses = document.paths[name][method.toLowerCase()].responses;
  const response = responses[status];
  if (!response) {
    if (OMITTED_RESPONSES.has(`${method} ${name} ${status}`)) return validate(COMMON_RESPONSES[401], body);
    if (COMMON_RESPONSES[status]) return validate(COMMON_RESPONSES[status], body);
    return [`${method} ${name} never answers ${status}; it answers ${Object.keys(responses).join(", ")}`];
  }
  if (!response.content) return body === undefined ? [] : [`${method} ${name} ${status} has no body`];
  const schema = response.content["application/json"].schema;
  if (Object.keys(schema).length === 0) return [];
  return validate(
    {
      $ref: `workos#/${pointer("paths", name, method.toLowerCase(), "responses", status, "content", "application/json", "schema")}`,
    },
    body,
  );
}

function validate(schema, body) {
  const validator = ajv.compile(schema);
  if (validator(body)) return [];
  return validator.errors.map((error) => `${error.instancePath || "the body"} ${error.message}`);
}
