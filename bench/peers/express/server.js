// A receiver of deliveries: Express, WorkOS's SDK, and one INSERT and commit per delivery, in two processes.

import cluster from "node:cluster";
import process from "node:process";

const PROCESSES = 2;

if (cluster.isPrimary) {
  for (let number = 0; number < PROCESSES; number++) cluster.fork();
  process.on("SIGTERM", () => {
    for (const worker of Object.values(cluster.workers)) worker.kill();
    process.exit(0);
  });
} else {
  const { WorkOS } = await import("@workos-inc/node");
  const { default: express } = await import("express");
  const { default: pg } = await import("pg");
  const secret = process.env.WORKOS_WEBHOOK_SECRET;
  const workos = new WorkOS("not-used");
  const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, min: 10, max: 20 });
  const app = express();
  app.post("/webhooks/workos/", express.raw({ type: "application/json", limit: "1mb" }), async (request, response) => {
    let event;
    try {
      event = await workos.webhooks.constructEvent({
        payload: JSON.parse(request.body),
        sigHeader: request.headers["workos-signature"],
        secret,
      });
    } catch {
      response.sendStatus(400);
      return;
    }
    await pool.query(
      "INSERT INTO bench_plain (event_id, event, payload) VALUES ($1, $2, $3)" +
        " ON CONFLICT (event_id) DO NOTHING",
      [event.id, event.event, request.body.toString()],
    );
    response.status(200).end();
  });
  app.listen(Number(process.argv[2]), "127.0.0.1");
}
