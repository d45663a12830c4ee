# Built in one stage, run in another: the image holds volleyd, volley and the connectors, and no compiler.
FROM docker.io/library/debian:bookworm-slim AS build
RUN apt-get update -qq \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    g++ cmake ninja-build pkg-config librdkafka-dev libhiredis-dev libyaml-cpp-dev rapidjson-dev libboost-dev \
    libcli11-dev libcpp-httplib-dev prometheus-cpp-dev libvalijson-dev libmsgpack-cxx-dev libsqlite3-dev libcurl4-openssl-dev libpq-dev \
    g++ cmake ninja-build pkg-config librdkafka-dev libhiredis-dev librabbitmq-dev libyaml-cpp-dev rapidjson-dev libboost-dev \
    libcli11-dev libcpp-httplib-dev prometheus-cpp-dev libvalijson-dev libmsgpack-cxx-dev libsqlite3-dev \
 && rm -rf /var/lib/apt/lists/*
COPY . /src
RUN cmake -S /src -B /build -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo -DVOLLEY_BUILD_TESTS=OFF -DVOLLEY_BUILD_BENCH=OFF \
 && cmake --build /build \
 && cmake --install /build --prefix /opt/volley --strip

FROM docker.io/library/debian:bookworm-slim
RUN apt-get update -qq \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    librdkafka1 libhiredis0.14 librabbitmq4 libyaml-cpp0.7 libcpp-httplib0.11 libprometheus-cpp-core1.0 libsqlite3-0 libcurl4 libpq5 ca-certificates \
 && rm -rf /var/lib/apt/lists/* \
 && mkdir -p /plugins /etc/volley /var/lib/volley && chown 65532:65532 /var/lib/volley
COPY --from=build /opt/volley/bin /usr/local/bin
COPY --from=build /opt/volley/lib/volley /usr/local/lib/volley
COPY packaging/container/volley.yml /etc/volley/volley.yml
# Connectors and handlers of one's own go here, and are found first.
VOLUME /plugins
ENV VOLLEY_PLUGIN_PATH=/plugins
USER 65532:65532
WORKDIR /var/lib/volley
EXPOSE 3000
STOPSIGNAL SIGTERM
ENTRYPOINT ["volleyd", "--plugin-dir", "/plugins"]
CMD ["--config", "/etc/volley/volley.yml"]
