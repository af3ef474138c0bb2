# The registry server: a static binary, and a shell and wget for making the key
# and for health checks.
FROM golang:1.26.8 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY cmd cmd
COPY config config
COPY personality personality
COPY warg warg
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/go/build-cache \
    GOCACHE=/go/build-cache CGO_ENABLED=0 go build -trimpath -o /out/ ./cmd/warg-personality

FROM alpine:3.22.2
# Volumes that are mounted here for the first time get these folders' owner.
RUN install -d -o 65532 -g 65532 -m 0750 \
    /var/lib/warg /var/lib/warg-content /var/lib/warg-key /var/lib/warg-public
COPY --from=build /out/warg-personality /usr/local/bin/
USER 65532:65532
CMD ["warg-personality", "serve"]
