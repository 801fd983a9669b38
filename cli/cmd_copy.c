#include "base/jval.h"
#include "base/memory.h"
#include "cli/commands.h"
#include "cli/print.h"
#include "cli/registry.h"
#include "cli/tell.h"
#include "oci/copy.h"
#include "oci/tag_words.h"

#include <stdio.h>
#include <string.h>

static const size_t default_blob_bytes = (size_t)1 << 30;
static const size_t most_blob_bytes = (size_t)1 << 40;

static void on_sent(void *arg, const char *what, const struct oci_descriptor *descriptor)
{
    tell_step(arg, "%s %s (%lld bytes)", what, descriptor->digest.text,
              (long long)descriptor->size);
}

// One artifact, or one tag of many.
struct transfer {
    struct registry *from;
    struct registry *to;
    struct oci_copy_options options;
    struct oci_copy_count count;
    json_t *copied; // [{digest, tags}]
};

static json_t *strings(const struct vec *texts)
{
    json_t *list = json_array();
    vec_foreach (char *, text, texts)
        json_array_append_new(list, json_string(*text));
    return list;
}

static int copy_one(struct transfer *transfer, const char *tag_or_digest, const struct vec *tags,
                    struct error *err)
{
    cleanup_oci_descriptor struct oci_descriptor root = {0};
    if (oci_resolve_named(transfer->from->repository, tag_or_digest, &root, err) < 0 ||
        oci_copy(transfer->from->repository, transfer->to->repository, root.digest.text, tags,
                 &transfer->options, &transfer->count, err) < 0)
        return -1;
    json_t *entry = json_object();
    jval_set_string(entry, "digest", root.digest.text);
    jval_set(entry, "tags", strings(tags));
    json_array_append_new(transfer->copied, entry);
    return 0;
}

static int copy_all_tags(struct transfer *transfer, struct error *err)
{
    cleanup_vec struct vec tags = VEC_OF(char *, vec_release_string);
    if (oci_list_tags(transfer->from->repository, &tags, err) < 0)
        return -1;
    if (tags.len == 0)
        return error_set(err, ERROR_NOT_FOUND, "%s has no tags",
                         oci_repository_identity(transfer->from->repository));
    vec_foreach (char *, tag, &tags) {
        cleanup_vec struct vec same = VEC_OF(char *, vec_release_string);
        vec_push_string(&same, *tag);
        if (copy_one(transfer, *tag, &same, err) < 0)
            return error_wrap(err, "tag %s", *tag);
    }
    return 0;
}

// The tags there: DST's own, else SRC's, and those of --tag.
static void choose_tags(const struct cli *cli, const struct transfer *transfer, struct vec *tags)
{
    const char *own = transfer->to->reference.tag;
    const char *same = transfer->from->reference.tag;
    cleanup_vec struct vec more = VEC_OF(const char *, NULL);
    if (own != NULL || same != NULL)
        vec_push_string(tags, own != NULL ? own : same);
    cli_list(cli, "tag", &more);
    vec_foreach (const char *, tag, &more)
        vec_push_string(tags, *tag);
}

static int copy_named(const struct cli *cli, struct transfer *transfer, struct error *err)
{
    const struct oci_reference *source = &transfer->from->reference;
    const char *wanted = source->digest != NULL ? source->digest : source->tag;
    cleanup_vec struct vec tags = VEC_OF(char *, vec_release_string);
    if (wanted == NULL)
        return error_set(
            err, ERROR_INVALID,
            "which artifact? put :TAG or @sha256:DIGEST behind SRC, or say --all-tags");
    choose_tags(cli, transfer, &tags);
    return copy_one(transfer, wanted, &tags, err);
}

static int check_arguments(const struct cli *cli, const struct transfer *transfer,
                           struct error *err)
{
    const struct oci_reference *from = &transfer->from->reference;
    const struct oci_reference *to = &transfer->to->reference;
    cleanup_vec struct vec more = VEC_OF(const char *, NULL);
    cli_list(cli, "tag", &more);
    if (to->digest != NULL)
        return error_set(err, ERROR_INVALID, "DST keeps SRC's digest; name a tag, or nothing");
    if (cli_flag(cli, "all-tags") &&
        (from->tag != NULL || from->digest != NULL || to->tag != NULL || more.len > 0))
        return error_set(err, ERROR_INVALID,
                         "--all-tags copies every tag under its name: SRC and DST are "
                         "repositories without tags then, and there is no --tag");
    return 0;
}

static int report(const struct cli *cli, struct transfer *transfer, struct error *err)
{
    const struct oci_copy_count *count = &transfer->count;
    cleanup_json json_t *names = json_array();
    if (*print_format(cli) != '\0') {
        cleanup_json json_t *value = json_object();
        jval_set_string(value, "from", oci_repository_identity(transfer->from->repository));
        jval_set_string(value, "to", oci_repository_identity(transfer->to->repository));
        jval_set(value, "copied", json_incref(transfer->copied));
        jval_set_int(value, "manifests", (int64_t)count->manifests);
        jval_set_int(value, "attached", (int64_t)count->attached);
        jval_set_int(value, "blobs.sent", (int64_t)count->sent);
        jval_set_int(value, "blobs.mounted", (int64_t)count->mounted);
        jval_set_int(value, "blobs.there", (int64_t)count->there);
        jval_set_int(value, "bytes", (int64_t)count->sent_bytes);
        for (size_t i = 0; i < json_array_size(transfer->copied); i++) {
            const char *digest = jval_string(json_array_get(transfer->copied, i), "digest");
            cleanup_free char *name = registry_name(transfer->to, digest);
            json_array_append_new(names, json_string(name));
        }
        return print_answer(cli, value, names, err);
    }
    for (size_t i = 0; i < json_array_size(transfer->copied); i++)
        puts(jval_string(json_array_get(transfer->copied, i), "digest"));
    tell_done(cli, "%zu manifest%s, %zu of them attached, %s in %s (%zu blob%s sent, %zu byte%s)",
              count->manifests, tell_s(count->manifests), count->attached,
              count->manifests == 1 ? "is" : "are",
              oci_repository_identity(transfer->to->repository), count->sent, tell_s(count->sent),
              count->sent_bytes, tell_s(count->sent_bytes));
    return 0;
}

static int run(struct cli *cli, struct error *err)
{
    cleanup_registry struct registry from = {0};
    cleanup_registry struct registry to = {0};
    cleanup_json json_t *copied = json_array();
    size_t max_blob_bytes = 0;
    if (limit_read(cli, "max-blob-bytes", default_blob_bytes, most_blob_bytes, &max_blob_bytes,
                   err) < 0 ||
        registry_open(cli, cli_argument(cli, 0), REGISTRY_PULL, &from, err) < 0 ||
        registry_open(cli, cli_argument(cli, 1), REGISTRY_PUSH, &to, err) < 0)
        return -1;
    struct transfer transfer = {.from = &from,
                                .to = &to,
                                .options = {.bare = cli_flag(cli, "bare"),
                                            .max_blob_bytes = max_blob_bytes,
                                            .on_sent = on_sent,
                                            .arg = cli},
                                .copied = copied};
    if (check_arguments(cli, &transfer, err) < 0)
        return -1;
    int result =
        cli_flag(cli, "all-tags") ? copy_all_tags(&transfer, err) : copy_named(cli, &transfer, err);
    return result == 0 ? report(cli, &transfer, err) : -1;
}

static const struct option_spec options[] = {
    {"all-tags", 0, OPTION_FLAG, NULL, "copy every tag under its name", NULL},
    {"tag", 0, OPTION_LIST, "TAG", "give it this tag, too; may be repeated", NULL},
    {"bare", 0, OPTION_FLAG, NULL, "leave signatures and attestations behind", NULL},
    {"max-blob-bytes", 0, OPTION_NUMBER, "BYTES", "largest blob (default: 1 GiB)", NULL},
    RESULT_OPTION,
    REGISTRY_OPTIONS,
    {NULL, 0, OPTION_FLAG, NULL, NULL, NULL},
};

const struct command command_copy = {
    .name = "copy",
    .arguments = "SRC DST",
    .summary = "Copy an artifact with all that is attached to it",
    .help =
        "Between registries and OCI layouts, byte for byte, with signatures in both forms, "
        "attestations and other\n"
        "referrers. What is there is not sent again; the tag comes last. A layout carries it "
        "over where no network\n"
        "goes; there it is verified under the name that its signatures carry.\n\n"
        "  sealift copy oci://registry.example.com/acme/shop:prod oci-layout:///media/usb/shop\n"
        "  sealift verify oci-layout:///media/usb/shop:prod --identity "
        "registry.example.com/acme/shop --key cosign.pub\n",
    .options = options,
    .min_arguments = 2,
    .max_arguments = 2,
    .run = run,
};
