// Which addresses a request may reach. Judged on the address of the socket, after the name was
// resolved, because a name can say anything. IPv6 forms that carry an IPv4 address are judged by
// it. Ranges: IANA's special-purpose address registries (RFC 6890).
#include "base/http_internal.h"
#include "base/memory.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <stdint.h>
#include <string.h>

struct range {
    unsigned char prefix[16];
    unsigned bits;
    enum http_reach refused_from;
    const char *kind;
};

static const struct range v4_ranges[] = {
    {{0}, 8, HTTP_REACH_NOT_LOCAL, "an unspecified address"},
    {{127}, 8, HTTP_REACH_NOT_LOCAL, "a loopback address"},
    {{169, 254}, 16, HTTP_REACH_NOT_LOCAL, "a link-local address"},
    {{100, 100, 100, 200}, 32, HTTP_REACH_NOT_LOCAL, "the address of a metadata service"},
    {{192, 0, 0, 192}, 32, HTTP_REACH_NOT_LOCAL, "the address of a metadata service"},
    {{224}, 4, HTTP_REACH_NOT_LOCAL, "a multicast address"},
    {{255, 255, 255, 255}, 32, HTTP_REACH_NOT_LOCAL, "the broadcast address"},
    {{10}, 8, HTTP_REACH_PUBLIC, "a private address"},
    {{172, 16}, 12, HTTP_REACH_PUBLIC, "a private address"},
    {{192, 168}, 16, HTTP_REACH_PUBLIC, "a private address"},
    {{100, 64}, 10, HTTP_REACH_PUBLIC, "a private address"},
    {{192, 0, 0}, 24, HTTP_REACH_PUBLIC, "a reserved address"},
    {{192, 0, 2}, 24, HTTP_REACH_PUBLIC, "a reserved address"},
    {{198, 18}, 15, HTTP_REACH_PUBLIC, "a reserved address"},
    {{198, 51, 100}, 24, HTTP_REACH_PUBLIC, "a reserved address"},
    {{203, 0, 113}, 24, HTTP_REACH_PUBLIC, "a reserved address"},
    {{240}, 4, HTTP_REACH_PUBLIC, "a reserved address"},
};

static const struct range v6_ranges[] = {
    {{0}, 128, HTTP_REACH_NOT_LOCAL, "an unspecified address"},
    {{[15] = 1}, 128, HTTP_REACH_NOT_LOCAL, "a loopback address"},
    {{0xfe, 0x80}, 10, HTTP_REACH_NOT_LOCAL, "a link-local address"},
    {{0xff}, 8, HTTP_REACH_NOT_LOCAL, "a multicast address"},
    // AWS answers here on IPv6.
    {{0xfd, 0x00, 0x0e, 0xc2, [14] = 0x02, [15] = 0x54},
     128,
     HTTP_REACH_NOT_LOCAL,
     "the address of a metadata service"},
    {{0xfc}, 7, HTTP_REACH_PUBLIC, "a private address"},
    {{0xfe, 0xc0}, 10, HTTP_REACH_PUBLIC, "a private address"},
    {{0x20, 0x01, 0x0d, 0xb8}, 32, HTTP_REACH_PUBLIC, "a reserved address"},
    {{0x01}, 64, HTTP_REACH_PUBLIC, "a reserved address"},
};

// Where an IPv4 address hides in an IPv6 one.
static const struct {
    unsigned char prefix[16];
    unsigned bits;
    size_t offset;
} embeddings[] = {
    {{[10] = 0xff, [11] = 0xff}, 96, 12},     // ::ffff:0:0/96, mapped
    {{0}, 96, 12},                            // ::/96, compatible (deprecated)
    {{0x00, 0x64, 0xff, 0x9b}, 96, 12},       // 64:ff9b::/96, NAT64
    {{0x00, 0x64, 0xff, 0x9b, 0, 1}, 48, 12}, // 64:ff9b:1::/48, local NAT64 with a /96 inside
    {{0x20, 0x02}, 16, 2},                    // 2002::/16, 6to4
};

static bool matches(const unsigned char *address, const unsigned char *prefix, unsigned bits)
{
    if (memcmp(address, prefix, bits / 8) != 0)
        return false;
    unsigned rest = bits % 8;
    return rest == 0 || (address[bits / 8] >> (8 - rest)) == (prefix[bits / 8] >> (8 - rest));
}

static const char *refusal_in(enum http_reach reach, const struct range *ranges, size_t n,
                              const unsigned char *address)
{
    for (size_t i = 0; i < n; i++) {
        if (reach >= ranges[i].refused_from && matches(address, ranges[i].prefix, ranges[i].bits))
            return ranges[i].kind;
    }
    return NULL;
}

static const char *refusal_v4(enum http_reach reach, const unsigned char *address)
{
    return refusal_in(reach, v4_ranges, ARRAY_LENGTH(v4_ranges), address);
}

static const char *refusal_v6(enum http_reach reach, const unsigned char *address)
{
    const char *refusal = refusal_in(reach, v6_ranges, ARRAY_LENGTH(v6_ranges), address);
    for (size_t i = 0; refusal == NULL && i < ARRAY_LENGTH(embeddings); i++) {
        if (matches(address, embeddings[i].prefix, embeddings[i].bits))
            refusal = refusal_v4(reach, address + embeddings[i].offset);
    }
    return refusal;
}

const char *http_reach_refusal(enum http_reach reach, const struct sockaddr *address)
{
    if (reach == HTTP_REACH_ANY)
        return NULL;
    if (address->sa_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, address, sizeof v4);
        return refusal_v4(reach, (const unsigned char *)&v4.sin_addr);
    }
    if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 v6;
        memcpy(&v6, address, sizeof v6);
        return refusal_v6(reach, v6.sin6_addr.s6_addr);
    }
    return "no Internet address";
}

const char *http_reach_refusal_text(enum http_reach reach, const char *address)
{
    unsigned char bytes[16];
    if (reach == HTTP_REACH_ANY)
        return NULL;
    if (inet_pton(AF_INET, address, bytes) == 1)
        return refusal_v4(reach, bytes);
    char bare[INET6_ADDRSTRLEN];
    size_t length = strcspn(address + (*address == '['), "]%");
    if (length >= sizeof bare)
        return NULL;
    memcpy(bare, address + (*address == '['), length);
    bare[length] = '\0';
    if (inet_pton(AF_INET6, bare, bytes) == 1)
        return refusal_v6(reach, bytes);
    return NULL;
}
