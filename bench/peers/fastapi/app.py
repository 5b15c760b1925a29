"""A receiver of deliveries: FastAPI, WorkOS's SDK, and one INSERT and commit per delivery."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request, Response
from psycopg_pool import AsyncConnectionPool
from workos import WorkOSClient

SECRET = os.environ["WORKOS_WEBHOOK_SECRET"]
workos = WorkOSClient(api_key="not-used", client_id="not-used")
pool = AsyncConnectionPool(
    os.environ["DATABASE_URL"], min_size=10, max_size=20, open=False, kwargs={"autocommit": True}
)


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    await pool.open(wait=True)
    yield
    await pool.close()


app = FastAPI(lifespan=lifespan)


@app.post("/webhooks/workos/")
async def receive(request: Request) -> Response:
    body = await request.body()
    try:
        event = workos.webhooks.verify_event(
            event_body=body, event_signature=request.headers.get("workos-signature", ""), secret=SECRET
        )
    except ValueError:
        return Response(status_code=400)
    async with pool.connection() as connection:
        await connection.execute(
            "INSERT INTO bench_plain (event_id, event, payload) VALUES (%s, %s, %s::jsonb)"
            " ON CONFLICT (event_id) DO NOTHING",
            [event.id, event.event, body.decode()],
        )
    return Response()
