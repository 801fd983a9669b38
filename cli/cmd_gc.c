#include "base/clock.h"
#include "base/jval.h"
#include "base/memory.h"
#include "cli/commands.h"
#include "cli/confirm.h"
#include "cli/print.h"
#include "cli/registry.h"
#include "cli/tell.h"
#include "oci/sweep.h"

#include <stdio.h>
#include <string.h>

enum { DEFAULT_KEEP = 10, MAX_KEEP = 1000000 };

static const char default_tags[] = "git-*";
static const char default_age[] = "720h";

static int read_policy(const struct cli *cli, struct oci_sweep_policy *policy, struct error *err)
{
    if (limit_read(cli, "keep", DEFAULT_KEEP, MAX_KEEP, &policy->keep, err) < 0)
        return -1;
    if (duration_parse(cli_string_or(cli, "younger-than", default_age), &policy->younger_than_ms,
                       err) < 0)
        return error_wrap(err, "--younger-than");
    policy->tags = cli_string_or(cli, "tags", default_tags);
    policy->now_ms = clock_wall_ms(clock_system());
    return 0;
}

static json_t *describe_item(const struct oci_sweep_item *item)
{
    json_t *value = json_object();
    json_t *tags = json_array();
    char created[TIME_TEXT_SIZE];
    vec_foreach (char *, tag, &item->tags)
        json_array_append_new(tags, json_string(*tag));
    time_format(item->created_ms, created);
    jval_set_string(value, "digest", item->digest.text);
    jval_set_string(value, "fate", oci_sweep_fate_text(item->fate));
    jval_set_string(value, "created", item->created_ms > 0 ? created : NULL);
    jval_set(value, "tags", tags);
    return value;
}

static json_t *describe_all(const struct vec *items)
{
    json_t *list = json_array();
    vec_foreach (const struct oci_sweep_item, item, items)
        json_array_append_new(list, describe_item(item));
    return list;
}

static void print_plan(const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *entry = json_array_get(list, i);
        const json_t *tags = jval_array(entry, "tags");
        cleanup_free char *line =
            xasprintf("%-8s %s %-20s %s%s\n", jval_string(entry, "fate"),
                      jval_string(entry, "digest"), jval_string_or(entry, "created", "-"),
                      json_array_size(tags) > 0 ? json_string_value(json_array_get(tags, 0)) : "",
                      json_array_size(tags) > 1 ? " …" : "");
        print_visible(line);
    }
}

static int ask(const struct cli *cli, const struct registry *registry, const struct vec *items,
               struct error *err)
{
    size_t removable = 0;
    vec_foreach (const struct oci_sweep_item, item, items)
        removable += item->fate == OCI_SWEEP_REMOVE;
    if (removable == 0)
        return 0;
    if (confirm_asks(cli))
        fprintf(stderr, "%zu of %zu artifacts of %s are removed, with all that is attached.\n",
                removable, items->len, oci_repository_identity(registry->repository));
    return confirm(cli, "Remove them?", "nothing was removed", err);
}

struct outcome {
    size_t artifacts;
    size_t manifests;
    size_t files;
    size_t bytes;
};

static int remove_all(const struct cli *cli, struct oci_sweep *sweep, struct outcome *outcome,
                      struct error *err)
{
    vec_foreach (struct oci_sweep_item, item, &sweep->items) {
        cleanup_error struct error cause = {0};
        if (item->fate != OCI_SWEEP_REMOVE)
            continue;
        tell_step(cli, "removing %s", item->digest.text);
        if (oci_sweep_remove(sweep, item, &cause) == 0) {
            outcome->artifacts++;
            continue;
        }
        if (cause.code != ERROR_CONFLICT) {
            error_move(err, &cause);
            return error_wrap(err, "%zu artifact%s removed before this", outcome->artifacts,
                              outcome->artifacts == 1 ? " was" : "s were");
        }
        item->fate = OCI_SWEEP_TAGGED;
        tell_warning(cli, "%s", error_message(&cause));
    }
    outcome->manifests = sweep->manifests;
    return oci_sweep_blobs(sweep->repository, &outcome->files, &outcome->bytes, err);
}

static int report(const struct cli *cli, const struct registry *registry, const struct vec *items,
                  const struct outcome *outcome, struct error *err)
{
    cleanup_json json_t *list = describe_all(items);
    cleanup_json json_t *names = json_array();
    bool deletes = cli_flag(cli, "delete");
    size_t removable = 0;
    vec_foreach (const struct oci_sweep_item, item, items) {
        if (item->fate != OCI_SWEEP_REMOVE)
            continue;
        cleanup_free char *name = registry_name(registry, item->digest.text);
        json_array_append_new(names, json_string(name));
        removable++;
    }
    if (*print_format(cli) != '\0') {
        cleanup_json json_t *value = json_object();
        jval_set(value, "artifacts", json_incref(list));
        jval_set_bool(value, "deleted", deletes);
        jval_set_int(value, "removed.artifacts", (int64_t)outcome->artifacts);
        jval_set_int(value, "removed.manifests", (int64_t)outcome->manifests);
        jval_set_int(value, "removed.files", (int64_t)outcome->files);
        jval_set_int(value, "removed.bytes", (int64_t)outcome->bytes);
        return print_answer(cli, value, names, err);
    }
    print_plan(list);
    if (deletes)
        tell_done(cli, "%zu artifact%s removed, with what is attached %zu manifest%s",
                  outcome->artifacts, tell_s(outcome->artifacts), outcome->manifests,
                  tell_s(outcome->manifests));
    else
        tell_done(cli, "%zu of %zu artifact%s would be removed: --delete does it", removable,
                  items->len, tell_s(items->len));
    return 0;
}

static int run(struct cli *cli, struct error *err)
{
    cleanup_registry struct registry registry = {0};
    cleanup_oci_sweep struct oci_sweep sweep = {0};
    struct oci_sweep_policy policy = {0};
    struct outcome outcome = {0};
    bool deletes = cli_flag(cli, "delete");
    if (read_policy(cli, &policy, err) < 0 ||
        registry_open(cli, cli_argument(cli, 0), deletes ? REGISTRY_PUSH : REGISTRY_PULL, &registry,
                      err) < 0)
        return -1;
    if (registry.reference.tag != NULL || registry.reference.digest != NULL)
        return error_set(err, ERROR_INVALID,
                         "REPOSITORY is one without tag or digest, like "
                         "oci://registry.example.com/acme/shop");
    tell_step(cli, "looking at %s", oci_repository_identity(registry.repository));
    oci_sweep_init(&sweep, registry.repository, &policy);
    if (oci_sweep_plan(&sweep, err) < 0 ||
        (deletes && ask(cli, &registry, &sweep.items, err) < 0) ||
        (deletes && remove_all(cli, &sweep, &outcome, err) < 0))
        return -1;
    return report(cli, &registry, &sweep.items, &outcome, err);
}

static const struct option_spec options[] = {
    {"keep", 0, OPTION_NUMBER, "N", "as many of the newest stay (default: 10)", NULL},
    {"younger-than", 0, OPTION_DURATION, "DURATION", "and all that are younger (default: 720h)",
     NULL},
    {"tags", 0, OPTION_STRING, "GLOB", "tags that keep nothing alive (default: git-*)", NULL},
    {"delete", 0, OPTION_FLAG, NULL, "remove them; without it they are only listed", NULL},
    YES_OPTION,
    RESULT_OPTION,
    REGISTRY_OPTIONS,
    {NULL, 0, OPTION_FLAG, NULL, NULL, NULL},
};

const struct command command_gc = {
    .name = "gc",
    .arguments = "REPOSITORY",
    .summary = "List or remove old artifacts of a repository",
    .help =
        "What a tag names stays, unless all of its tags match --tags (those that a Bundle writes "
        "once for every\n"
        "artifact). Of the rest the newest --keep stay, and what is younger than --younger-than. "
        "Signatures and\n"
        "attestations go with their artifact. Nothing is removed without --delete, which asks "
        "first "
        "(without a terminal: --yes).\n\n"
        "  sealift gc oci://registry.example.com/acme/shop --keep 20 --delete --yes\n",
    .options = options,
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run,
};
