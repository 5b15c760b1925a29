#!/bin/sh
# Make deploy/secrets/ for compose.yaml. Files that exist stay as they are, so run it as often as you like.
set -eu
cd "$(dirname "$0")"
mkdir -p secrets
# Nobody else gets into the folder. The files in it must be readable for the containers' user, which is not yours.
chmod 700 secrets
umask 022

create() {
    if [ ! -e "secrets/$1" ]; then printf '%s\n' "$2" >"secrets/$1"; fi
}

create secret_key "$(openssl rand -hex 48)"
create postgres_password "$(openssl rand -hex 24)"
create database_url "postgres://portal_host:$(cat secrets/postgres_password)@database:5432/portal_host"
# Until `manage.py register_webhook` gives you the endpoint's own.
create workos_webhook_secret "$(openssl rand -hex 32)"
create workos_api_key ""
create email_url ""

for name in workos_api_key email_url; do
    if [ ! -s "secrets/$name" ] || [ -z "$(tr -d '[:space:]' <"secrets/$name")" ]; then
        echo "Put $(echo "$name" | tr '[:lower:]' '[:upper:]') into deploy/secrets/$name (.env.example explains it)."
    fi
done
