#include "render/git/pktline.h"

#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/encoding.h"
#include "base/memory.h"

enum { LENGTH_DIGITS = 4 };

void pktline_reader_init(struct pktline_reader *reader, pktline_handler *on_packet, void *arg)
{
    *reader = (struct pktline_reader){.on_packet = on_packet, .arg = arg};
    strbuf_init(&reader->packet, PKTLINE_MAX_BYTES);
}

void pktline_reader_release(struct pktline_reader *reader)
{
    strbuf_release(&reader->packet);
}

// How many bytes the packet in the buffer has with its digits; only the digits while it has no
// more than part of them. 0 to 3 are the special packets.
static int packet_length(const struct strbuf *packet, size_t *ret_length, struct error *err)
{
    char digits[LENGTH_DIGITS + 1] = {0};
    unsigned char bytes[LENGTH_DIGITS / 2];
    memcpy(digits, packet->data, LENGTH_DIGITS);
    if (hex_decode(digits, bytes, sizeof bytes) < 0) {
        cleanup_free char *seen = hex_encode(packet->data, LENGTH_DIGITS);
        return error_set(err, ERROR_INVALID,
                         "the answer is not git's protocol (a packet starts with the bytes %s)",
                         seen);
    }
    size_t length = (size_t)bytes[0] << 8 | bytes[1];
    if (length == 3 || length > PKTLINE_MAX_BYTES)
        return error_set(err, ERROR_INVALID,
                         "the answer breaks git's protocol: a packet claims %zu bytes", length);
    *ret_length = length;
    return 0;
}

static int deliver(struct pktline_reader *reader, size_t length, struct error *err)
{
    static const enum pktline_type special[] = {PKTLINE_FLUSH, PKTLINE_DELIMITER,
                                                PKTLINE_RESPONSE_END};
    if (length < ARRAY_LENGTH(special))
        return reader->on_packet(reader->arg, special[length], "", 0, err);
    return reader->on_packet(reader->arg, PKTLINE_DATA, reader->packet.data + LENGTH_DIGITS,
                             length - LENGTH_DIGITS, err);
}

int pktline_feed(struct pktline_reader *reader, const void *data, size_t size, struct error *err)
{
    const char *cursor = data;
    const char *end = cursor + size;
    while (cursor < end) {
        size_t length = LENGTH_DIGITS;
        if (reader->packet.len >= LENGTH_DIGITS && packet_length(&reader->packet, &length, err) < 0)
            return -1;
        size_t missing = length - reader->packet.len;
        size_t taken = missing < (size_t)(end - cursor) ? missing : (size_t)(end - cursor);
        strbuf_add(&reader->packet, cursor, taken);
        cursor += taken;
        if (reader->packet.len < LENGTH_DIGITS)
            return 0;
        if (packet_length(&reader->packet, &length, err) < 0)
            return -1;
        if (length >= LENGTH_DIGITS && reader->packet.len < length)
            continue;
        int result = deliver(reader, length, err);
        strbuf_reset(&reader->packet);
        if (result < 0)
            return -1;
    }
    return 0;
}

int pktline_finish(const struct pktline_reader *reader, struct error *err)
{
    if (reader->packet.len > 0)
        return error_set(err, ERROR_UNAVAILABLE, "the answer ended in the middle of a packet");
    return 0;
}

void pktline_add_line(struct strbuf *out, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    cleanup_free char *line = xvasprintf(format, args);
    va_end(args);
    size_t length = strlen(line) + 1;
    assert(length <= PKTLINE_MAX_DATA);
    strbuf_addf(out, "%04x%s\n", (unsigned)(length + LENGTH_DIGITS), line);
}

void pktline_add_flush(struct strbuf *out)
{
    strbuf_addstr(out, "0000");
}

void pktline_add_delimiter(struct strbuf *out)
{
    strbuf_addstr(out, "0001");
}
