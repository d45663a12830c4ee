# docker build -t volley .                        volleyd, volley and the connectors
# docker build -t volley:python --target python . the same with Python and Node.js, for handlers in these
# Built in one stage, run in another: the images have no compiler. docs/container.md says how to run them.
FROM docker.io/library/debian:bookworm-slim AS build
# hadolint ignore=DL3008
RUN apt-get update -qq \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    g++ cmake ninja-build pkg-config librdkafka-dev libhiredis-dev librabbitmq-dev libyaml-cpp-dev rapidjson-dev libboost-dev \
    libcli11-dev libcpp-httplib-dev prometheus-cpp-dev libvalijson-dev libmsgpack-cxx-dev libsqlite3-dev libcurl4-openssl-dev libssl-dev libpq-dev \
 && rm -rf /var/lib/apt/lists/*
COPY . /src
RUN cmake -S /src -B /build -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo -DVOLLEY_HARDEN=ON \
    -DVOLLEY_BUILD_TESTS=OFF -DVOLLEY_BUILD_BENCH=OFF \
 && cmake --build /build \
 && cmake --install /build --prefix /opt/volley --strip

FROM docker.io/library/debian:bookworm-slim AS runtime
# hadolint ignore=DL3008
RUN apt-get update -qq \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    librdkafka1 libhiredis0.14 librabbitmq4 libyaml-cpp0.7 libcpp-httplib0.11 libprometheus-cpp-core1.0 libsqlite3-0 libcurl4 libssl3 libpq5 ca-certificates \
 && rm -rf /var/lib/apt/lists/* \
 && mkdir -p /plugins /etc/volley /var/lib/volley \
 && chown 65532:65532 /var/lib/volley
COPY --from=build /opt/volley/bin/volleyd /opt/volley/bin/volley /usr/local/bin/
COPY --from=build /opt/volley/lib/volley /usr/local/lib/volley
COPY packaging/container/volley.yml /etc/volley/volley.yml
# Probes come from outside of the container. A configuration with operations.listen decides itself.
ENV VOLLEY_LISTEN=0.0.0.0:3000
# Connectors and handlers of one's own go here, and are found first.
ENV VOLLEY_PLUGIN_PATH=/plugins
# The crash journal, and SQLite queues without a path. All else may be read-only.
ENV STATE_DIRECTORY=/var/lib/volley
VOLUME /var/lib/volley
USER 65532:65532
WORKDIR /var/lib/volley
EXPOSE 3000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s CMD ["volley", "--config", "/etc/volley/volley.yml", "health"]
ENTRYPOINT ["volleyd"]
CMD ["--config", "/etc/volley/volley.yml"]

FROM runtime AS python
USER 0:0
# hadolint ignore=DL3008
RUN apt-get update -qq \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3 python3-venv nodejs \
 && rm -rf /var/lib/apt/lists/*
COPY plugin_api/python/volley_handler.py /usr/local/lib/python3.11/dist-packages/volley_handler.py
USER 65532:65532

# What a build without --target makes.
FROM runtime
