// An API server for tests, on fake_http: answers come from a table of routes, and each test adds
// the faults it wants.
#ifndef TESTS_UNIT_FAKE_KUBE_H
#define TESTS_UNIT_FAKE_KUBE_H

#include "fake_http.h"

#include "base/kube/kube_client.h"

// A client of the server, plain HTTP, with the token "secret".
struct kube_client *fake_kube_client(const struct fake_http *server);
// {"kind":"Status","apiVersion":"v1","status":"Failure",…} with that answer's HTTP status.
void fake_kube_refuse(struct fake_exchange *exchange, int code, const char *reason,
                      const char *message, const char *headers);
void fake_kube_reply(struct fake_exchange *exchange, const char *json);
// Starts a chunked answer, and sends one line of it as a chunk.
void fake_kube_stream(struct fake_exchange *exchange);
void fake_kube_line(struct fake_exchange *exchange, const char *line);

#endif
