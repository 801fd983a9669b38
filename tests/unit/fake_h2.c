// HTTP/2 (RFC 9113) as far as a test needs it: every stream that the client ends is answered with
// 200 and a short body. Request headers are not decoded; ":status: 200" is one byte of HPACK.
#include "fake_http_internal.h"

#include "base/memory.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { DATA = 0, HEADERS = 1, RST_STREAM = 3, SETTINGS = 4, PING = 6, GOAWAY = 7 };
enum { END_STREAM = 1, ACK = 1, END_HEADERS = 4 };
enum { FRAME_MAX = 16384, STREAMS_MAX = 256 };

struct session {
    struct fake_connection *connection;
    uint32_t waiting[STREAMS_MAX];
    unsigned waiting_count;
    bool released;
};

static int read_all(struct fake_connection *connection, unsigned char *data, size_t size)
{
    for (size_t at = 0; at < size;) {
        size_t n = fake_read(connection, data + at, size - at);
        if (n == 0)
            return -1;
        at += n;
    }
    return 0;
}

static int send_frame(struct session *session, int type, int flags, uint32_t stream,
                      const void *payload, size_t size)
{
    unsigned char frame[9 + 256] = {0, (unsigned char)(size >> 8), (unsigned char)size,
                                    (unsigned char)type, (unsigned char)flags};
    for (int i = 0; i < 4; i++)
        frame[5 + i] = (unsigned char)(stream >> (24 - 8 * i));
    if (size > 0)
        memcpy(frame + 9, payload, size);
    return fake_write(session->connection, frame, 9 + size);
}

static void answer(struct session *session, uint32_t stream)
{
    char body[64];
    int length = snprintf(body, sizeof body, "stream %u", stream);
    int end = session->connection->server->options.h2_endless ? 0 : END_STREAM;
    if (send_frame(session, HEADERS, END_HEADERS, stream, "\x88", 1) == 0)
        send_frame(session, DATA, end, stream, body, (size_t)length);
}

static void on_request(struct session *session, uint32_t stream)
{
    struct fake_http *server = session->connection->server;
    pthread_mutex_lock(&server->lock);
    server->request_count++;
    pthread_mutex_unlock(&server->lock);
    if (session->waiting_count < STREAMS_MAX)
        session->waiting[session->waiting_count++] = stream;
    if (session->waiting_count >= server->options.h2_hold)
        session->released = true;
    for (unsigned i = 0; session->released && i < session->waiting_count; i++)
        answer(session, session->waiting[i]);
    if (session->released)
        session->waiting_count = 0;
}

void fake_h2_serve(struct fake_connection *connection)
{
    struct session session = {.connection = connection};
    cleanup_free unsigned char *payload = xmalloc(FRAME_MAX);
    unsigned char head[24];
    if (read_all(connection, head, sizeof head) < 0 ||
        send_frame(&session, SETTINGS, 0, 0, NULL, 0) < 0)
        return;
    while (read_all(connection, head, 9) == 0) {
        size_t size = (size_t)head[0] << 16 | (size_t)head[1] << 8 | head[2];
        int type = head[3];
        int flags = head[4];
        uint32_t stream = (uint32_t)(head[5] & 0x7f) << 24 | (uint32_t)head[6] << 16 |
                          (uint32_t)head[7] << 8 | head[8];
        if (size > FRAME_MAX || read_all(connection, payload, size) < 0 || type == GOAWAY)
            return;
        if (type == SETTINGS && (flags & ACK) == 0)
            send_frame(&session, SETTINGS, ACK, 0, NULL, 0);
        else if (type == PING && (flags & ACK) == 0)
            send_frame(&session, PING, ACK, 0, payload, 8);
        else if ((type == HEADERS || type == DATA) && (flags & END_STREAM) != 0)
            on_request(&session, stream);
        else if (type == RST_STREAM) {
            pthread_mutex_lock(&connection->server->lock);
            connection->server->reset_count++;
            pthread_mutex_unlock(&connection->server->lock);
        }
    }
}
