// Git's packet lines (gitprotocol-common, gitprotocol-pack): four hex digits of length, then the
// bytes; 0000 ends a message, 0001 divides sections, 0002 ends a response of a stateless
// connection. Reading is incremental and keeps at most one packet.
#ifndef RENDER_GIT_PKTLINE_H
#define RENDER_GIT_PKTLINE_H

#include <stddef.h>

#include "base/error.h"
#include "base/strbuf.h"

enum {
    PKTLINE_MAX_BYTES = 65520, // with the four digits
    PKTLINE_MAX_DATA = PKTLINE_MAX_BYTES - 4,
};

enum pktline_type {
    PKTLINE_DATA,
    PKTLINE_FLUSH,
    PKTLINE_DELIMITER,
    PKTLINE_RESPONSE_END,
};

// One packet; data is borrowed until the call returns, ends with a NUL that size does not count,
// and is empty for all types but PKTLINE_DATA. -1 stops the reading with the error it set.
typedef int pktline_handler(void *arg, enum pktline_type type, const char *data, size_t size,
                            struct error *err);

struct pktline_reader {
    struct strbuf packet; // of the packet that is not complete yet
    pktline_handler *on_packet;
    void *arg; // borrowed
};
void pktline_reader_init(struct pktline_reader *reader, pktline_handler *on_packet, void *arg);
void pktline_reader_release(struct pktline_reader *reader);
// ERROR_INVALID on a length that is none, and what on_packet says.
int pktline_feed(struct pktline_reader *reader, const void *data, size_t size, struct error *err)
    __attribute__((warn_unused_result));
// ERROR_UNAVAILABLE when the stream ended in the middle of a packet.
int pktline_finish(const struct pktline_reader *reader, struct error *err)
    __attribute__((warn_unused_result));

// Writers append; check the buffer once at the end (strbuf_check). A line gets its newline here.
void pktline_add_line(struct strbuf *out, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void pktline_add_flush(struct strbuf *out);
void pktline_add_delimiter(struct strbuf *out);

#endif
