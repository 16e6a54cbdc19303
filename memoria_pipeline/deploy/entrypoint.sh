#!/bin/sh
# Every file in /run/secrets that is named like a setting becomes that setting: secrets stay out of
# the compose file, the image and `docker inspect`. What the environment already says goes first.
set -eu
for file in "${SECRETS:-/run/secrets}"/*; do
    name=$(basename "$file")
    case "$name" in
        MEMORIA_* | AWS_*)
            if eval "[ -z \"\${$name:-}\" ]"; then
                value=$(cat "$file")  # by itself: of an export, sh forgets that it could not be read
                export "$name=$value"
            fi
            ;;
    esac
done
# Of this version, each time: the volume keeps the file of the version that made it.
if [ -n "${DAGSTER_HOME:-}" ] && [ -f dagster.yaml ]; then
    mkdir -p "$DAGSTER_HOME"
    cp dagster.yaml "$DAGSTER_HOME/dagster.yaml.$$" && mv "$DAGSTER_HOME/dagster.yaml.$$" "$DAGSTER_HOME/dagster.yaml"
fi
exec "$@"
