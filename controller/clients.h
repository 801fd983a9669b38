// HTTP clients lent to flows, so that connections and TLS sessions outlive one reconcile. A client
// that was not used for a while is closed: at rest nothing is open.
#ifndef CONTROLLER_CLIENTS_H
#define CONTROLLER_CLIENTS_H

#include "base/http_client.h"
#include "base/loop.h"

struct clients;

struct clients *clients_new(struct loop *loop); // loop thread
void clients_free(struct clients *clients);     // loop thread, after the workers

// Any thread. Given back by clients_give, by any thread.
struct http_client *clients_take(struct clients *clients);
void clients_give(struct clients *clients, struct http_client *client);

#endif
