#include "controller/clients.h"

#include "base/memory.h"
#include "base/vec.h"

#include <pthread.h>
#include <stdlib.h>

// Long enough for a burst of pushes, short enough that a process at rest holds nothing.
static const int64_t idle_ms = 15 * 1000;

struct idle_client {
    struct http_client *client;
    int64_t since_ms;
};

struct clients {
    struct loop *loop;
    struct loop_timer *timer;
    pthread_mutex_t lock;
    struct vec idle; // of struct idle_client, oldest first
};

static void release_idle(void *element)
{
    http_client_free(((struct idle_client *)element)->client);
}

// Loop thread: closes what was idle for long enough, and comes again while anything is left.
static void sweep(void *arg)
{
    struct clients *clients = arg;
    int64_t now = clock_mono_ms(loop_clock(clients->loop));
    pthread_mutex_lock(&clients->lock);
    while (clients->idle.len > 0 &&
           ((struct idle_client *)vec_at(&clients->idle, 0))->since_ms + idle_ms <= now)
        vec_remove(&clients->idle, 0);
    size_t left = clients->idle.len;
    pthread_mutex_unlock(&clients->lock);
    if (left > 0)
        loop_timer_set(clients->timer, idle_ms);
    else
        memory_trim();
}

struct clients *clients_new(struct loop *loop)
{
    struct clients *clients = xcalloc(1, sizeof *clients);
    clients->loop = loop;
    clients->timer = loop_timer_new(loop, sweep, clients);
    clients->idle = VEC_OF(struct idle_client, release_idle);
    pthread_mutex_init(&clients->lock, NULL);
    return clients;
}

void clients_free(struct clients *clients)
{
    if (clients == NULL)
        return;
    loop_timer_free(clients->timer);
    vec_free(&clients->idle);
    pthread_mutex_destroy(&clients->lock);
    free(clients);
}

struct http_client *clients_take(struct clients *clients)
{
    struct http_client *client = NULL;
    pthread_mutex_lock(&clients->lock);
    if (clients->idle.len > 0) {
        // The youngest has the warmest connections.
        struct idle_client *last = vec_at(&clients->idle, clients->idle.len - 1);
        client = STEAL(last->client);
        vec_remove(&clients->idle, clients->idle.len - 1);
    }
    pthread_mutex_unlock(&clients->lock);
    return client != NULL ? client : http_client_new();
}

static void start_timer(void *arg)
{
    struct clients *clients = arg;
    if (!loop_timer_is_set(clients->timer))
        loop_timer_set(clients->timer, idle_ms);
}

void clients_give(struct clients *clients, struct http_client *client)
{
    pthread_mutex_lock(&clients->lock);
    *(struct idle_client *)vec_push(&clients->idle) = (struct idle_client){
        .client = client, .since_ms = clock_mono_ms(loop_clock(clients->loop))};
    bool first = clients->idle.len == 1;
    pthread_mutex_unlock(&clients->lock);
    if (first)
        loop_post(clients->loop, start_timer, clients);
}
