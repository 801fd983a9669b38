// An HTTP server of a few lines for tests of the registry client: one thread, one request per
// connection, each test answers as it likes, and every request is written down.
#ifndef TESTS_UNIT_FAKE_REGISTRY_H
#define TESTS_UNIT_FAKE_REGISTRY_H

#include "base/memory.h"
#include "base/strbuf.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

struct fake {
    int listener;
    int port;
    pthread_t thread;
    void (*handle)(struct fake *fake);
    void *data;
    // The request being answered.
    char method[16];
    char target[2048];
    char authorization[4096];
    struct strbuf body;
    struct strbuf answer;
    // "METHOD target [authorization]\n" of all so far; read after fake_stop.
    struct strbuf journal;
    int count;
};

static inline void fake_answer(struct fake *fake, int status, const char *headers, const char *body)
{
    strbuf_reset(&fake->answer);
    strbuf_addf(&fake->answer,
                "HTTP/1.1 %d X\r\nConnection: close\r\nContent-Length: %zu\r\n%s\r\n%s", status,
                strlen(body), headers, strcmp(fake->method, "HEAD") == 0 ? "" : body);
}

static inline bool fake_is(const struct fake *fake, const char *method, const char *prefix)
{
    return strcmp(fake->method, method) == 0 && strncmp(fake->target, prefix, strlen(prefix)) == 0;
}

static inline size_t fake_header(const struct strbuf *head, const char *name, char *value,
                                 size_t size)
{
    value[0] = '\0';
    for (const char *line = strstr(head->data, "\r\n"); line != NULL; line = strstr(line, "\r\n")) {
        line += 2;
        size_t length = strlen(name);
        if (strncasecmp(line, name, length) != 0 || line[length] != ':')
            continue;
        line += length + 1;
        line += strspn(line, " ");
        snprintf(value, size, "%.*s", (int)strcspn(line, "\r"), line);
        break;
    }
    return strlen(value);
}

static inline void fake_read(struct fake *fake, int fd)
{
    cleanup_strbuf struct strbuf head;
    strbuf_init(&head, 1 << 20);
    char *end = NULL;
    while (end == NULL) {
        char *room = strbuf_grow(&head, 4096);
        ssize_t got = read(fd, room, 4096);
        if (got <= 0)
            return;
        strbuf_grown(&head, (size_t)got);
        end = strstr(head.data, "\r\n\r\n");
    }
    sscanf(head.data, "%15s %2047s", fake->method, fake->target);
    char length_text[32], expect[32];
    fake_header(&head, "Content-Length", length_text, sizeof length_text);
    fake_header(&head, "Authorization", fake->authorization, sizeof fake->authorization);
    if (fake_header(&head, "Expect", expect, sizeof expect) > 0)
        dprintf(fd, "HTTP/1.1 100 Continue\r\n\r\n");
    size_t length = strtoul(length_text, NULL, 10);
    strbuf_reset(&fake->body);
    strbuf_addstr(&fake->body, end + 4);
    while (fake->body.len < length) {
        char *room = strbuf_grow(&fake->body, 4096);
        ssize_t got = read(fd, room, 4096);
        if (got <= 0)
            return;
        strbuf_grown(&fake->body, (size_t)got);
    }
}

static inline void *fake_serve(void *arg)
{
    struct fake *fake = arg;
    for (;;) {
        int fd = accept(fake->listener, NULL, NULL);
        if (fd < 0)
            return NULL;
        fake->method[0] = '\0';
        fake_read(fake, fd);
        if (fake->method[0] != '\0') {
            fake->count++;
            strbuf_addf(&fake->journal, "%s %s [%s]\n", fake->method, fake->target,
                        fake->authorization);
            fake_answer(fake, 404, "", "");
            fake->handle(fake);
            for (size_t sent = 0; sent < fake->answer.len;) {
                ssize_t wrote =
                    send(fd, fake->answer.data + sent, fake->answer.len - sent, MSG_NOSIGNAL);
                if (wrote <= 0)
                    break;
                sent += (size_t)wrote;
            }
        }
        close(fd);
    }
}

// On an address of the loopback network, in host order.
static inline struct fake *fake_start_at(in_addr_t at, void (*handle)(struct fake *fake),
                                         void *data)
{
    struct fake *fake = xcalloc(1, sizeof *fake);
    strbuf_init(&fake->body, 1 << 24);
    strbuf_init(&fake->answer, 1 << 24);
    strbuf_init(&fake->journal, 1 << 20);
    fake->handle = handle;
    fake->data = data;
    fake->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(at)};
    socklen_t size = sizeof address;
    if (bind(fake->listener, (struct sockaddr *)&address, size) < 0 ||
        listen(fake->listener, 64) < 0 ||
        getsockname(fake->listener, (struct sockaddr *)&address, &size) < 0)
        abort();
    fake->port = ntohs(address.sin_port);
    if (pthread_create(&fake->thread, NULL, fake_serve, fake) != 0)
        abort();
    return fake;
}

static inline struct fake *fake_start(void (*handle)(struct fake *fake), void *data)
{
    return fake_start_at(INADDR_LOOPBACK, handle, data);
}

// Ends the thread; the journal can be read until fake_free.
static inline void fake_stop(struct fake *fake)
{
    shutdown(fake->listener, SHUT_RDWR);
    pthread_join(fake->thread, NULL);
    close(fake->listener);
}

static inline void fake_free(struct fake *fake)
{
    strbuf_release(&fake->body);
    strbuf_release(&fake->answer);
    strbuf_release(&fake->journal);
    free(fake);
}

#endif
