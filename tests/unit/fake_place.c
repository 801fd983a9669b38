#include "fake_place.h"

#include "api/store_files.h"
#include "base/file.h"
#include "base/memory.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void must(int result, const struct error *err)
{
    if (result == 0)
        return;
    fprintf(stderr, "%s\n", error_message(err));
    abort();
}

void fake_place_init(struct fake_place *place)
{
    cleanup_error struct error err = {0};
    *place = (struct fake_place){0};
    must(file_make_temp_dir("sealift-place-", &place->dir, &err), &err);
    place->config = path_join(place->dir, "config");
    place->state = path_join(place->dir, "state");
    must(file_make_dirs(place->config, &err), &err);
    fake_clock_init(&place->clock, 1700000000000);
}

void fake_place_release(struct fake_place *place)
{
    cleanup_error struct error err = {0};
    store_free(place->store);
    must(file_remove_tree(place->dir, &err), &err);
    free(place->dir);
    free(place->config);
    free(place->state);
}

void fake_place_open(struct fake_place *place)
{
    cleanup_error struct error err = {0};
    const struct store_files_options options = {
        .config_dir = place->config, .state_dir = place->state, .clock = &place->clock.clock};
    store_free(place->store);
    place->store = NULL;
    must(store_files_open(&options, &place->store, &err), &err);
}

void fake_place_put(const struct fake_place *place, const char *name, const char *text)
{
    cleanup_error struct error err = {0};
    cleanup_free char *path = path_join(place->config, name);
    must(file_write_swap(path, text, strlen(text), 0644, &err), &err);
}
