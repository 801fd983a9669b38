// The answers of a git server: the first byte picks the parser, the second the size of the pieces.
#include <stdint.h>
#include <stdlib.h>

#include "render/git/gitproto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct parsers {
    struct gitproto_advert advert;
    struct gitproto_ls_refs refs;
    struct gitproto_fetch fetch;
};

static int ignore_pack(void *arg, const void *data, size_t size, struct error *err)
{
    (void)arg;
    (void)data;
    (void)err;
    return size == 0 ? abort(), -1 : 0;
}

static int feed(struct parsers *parsers, int which, const uint8_t *data, size_t size,
                struct error *err)
{
    switch (which) {
    case 0:
        return gitproto_advert_feed(&parsers->advert, data, size, err);
    case 1:
        return gitproto_ls_refs_feed(&parsers->refs, data, size, err);
    default:
        return gitproto_fetch_feed(&parsers->fetch, data, size, err);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    struct parsers parsers;
    gitproto_advert_init(&parsers.advert, (data[0] & 4) != 0);
    gitproto_ls_refs_init(&parsers.refs, "refs/");
    gitproto_fetch_init(&parsers.fetch, ignore_pack, NULL);
    cleanup_error struct error err = {0};
    size_t step = (size_t)data[1] + 1;
    for (size_t at = 2; at < size; at += step) {
        size_t piece = size - at < step ? size - at : step;
        if (feed(&parsers, data[0] & 3, data + at, piece, &err) < 0)
            break;
    }
    gitproto_advert_release(&parsers.advert);
    gitproto_ls_refs_release(&parsers.refs);
    gitproto_fetch_release(&parsers.fetch);
    return 0;
}
