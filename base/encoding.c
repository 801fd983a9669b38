#include "base/encoding.h"

#include "base/memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

char *hex_encode(const void *data, size_t size)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *bytes = data;
    char *text = xmalloc(size * 2 + 1);
    for (size_t i = 0; i < size; i++) {
        text[2 * i] = digits[bytes[i] >> 4];
        text[2 * i + 1] = digits[bytes[i] & 15];
    }
    text[size * 2] = '\0';
    return text;
}

static int hex_digit(char ch)
{
    if (ch >= '0' && ch <= '9')
        return ch - '0';
    if (ch >= 'a' && ch <= 'f')
        return ch - 'a' + 10;
    if (ch >= 'A' && ch <= 'F')
        return ch - 'A' + 10;
    return -1;
}

int hex_decode(const char *text, void *ret_data, size_t size)
{
    if (strnlen(text, size * 2 + 1) != size * 2)
        return -1;
    cleanup_free unsigned char *bytes = xmalloc(size);
    for (size_t i = 0; i < size; i++) {
        int high = hex_digit(text[2 * i]);
        int low = hex_digit(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return -1;
        bytes[i] = (unsigned char)(high << 4 | low);
    }
    memcpy(ret_data, bytes, size);
    return 0;
}

static char *base64_with(const char *alphabet, int padded, const void *data, size_t size)
{
    const unsigned char *in = data;
    char *text = xmalloc((size + 2) / 3 * 4 + 1);
    char *out = text;
    for (size_t i = 0; i < size; i += 3) {
        size_t left = size - i;
        uint32_t bits = (uint32_t)in[i] << 16;
        if (left > 1)
            bits |= (uint32_t)in[i + 1] << 8;
        if (left > 2)
            bits |= in[i + 2];
        *out++ = alphabet[bits >> 18];
        *out++ = alphabet[bits >> 12 & 63];
        if (left > 1 || padded)
            *out++ = left > 1 ? alphabet[bits >> 6 & 63] : '=';
        if (left > 2 || padded)
            *out++ = left > 2 ? alphabet[bits & 63] : '=';
    }
    *out = '\0';
    return text;
}

static const char base64_alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char base64url_alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

char *base64_encode(const void *data, size_t size)
{
    return base64_with(base64_alphabet, 1, data, size);
}

char *base64url_encode(const void *data, size_t size)
{
    return base64_with(base64url_alphabet, 0, data, size);
}

static int base64_value(char ch)
{
    if (ch >= 'A' && ch <= 'Z')
        return ch - 'A';
    if (ch >= 'a' && ch <= 'z')
        return ch - 'a' + 26;
    if (ch >= '0' && ch <= '9')
        return ch - '0' + 52;
    if (ch == '+')
        return 62;
    if (ch == '/')
        return 63;
    return -1;
}

// The value of up to 3 bytes in 4 characters; padding only at the very end, and its unused bits
// zero.
static int base64_group(const char *text, int last, unsigned char out[3])
{
    int padding = last ? (text[3] == '=') + (text[3] == '=' && text[2] == '=') : 0;
    uint32_t bits = 0;
    for (int i = 0; i < 4; i++) {
        int value = i < 4 - padding ? base64_value(text[i]) : 0;
        if (value < 0)
            return -1;
        bits = bits << 6 | (uint32_t)value;
    }
    if ((padding == 1 && (bits & 0xff) != 0) || (padding == 2 && (bits & 0xffff) != 0))
        return -1;
    out[0] = (unsigned char)(bits >> 16);
    out[1] = (unsigned char)(bits >> 8);
    out[2] = (unsigned char)bits;
    return 3 - padding;
}

int base64_decode(const char *text, size_t length, unsigned char **ret_data, size_t *ret_size,
                  struct error *err)
{
    if (length % 4 != 0)
        return error_set(err, ERROR_INVALID, "base64 of %zu characters is cut short", length);
    cleanup_free unsigned char *data = xmalloc(length / 4 * 3 + 1);
    size_t size = 0;
    for (size_t i = 0; i < length; i += 4) {
        unsigned char group[3];
        int bytes = base64_group(text + i, i + 4 == length, group);
        if (bytes < 0)
            return error_set(err, ERROR_INVALID, "no base64 at character %zu", i + 1);
        memcpy(data + size, group, (size_t)bytes);
        size += (size_t)bytes;
    }
    data[size] = '\0';
    *ret_data = STEAL(data);
    *ret_size = size;
    return 0;
}
