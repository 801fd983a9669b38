#include "base/jval.h"
#include "base/memory.h"
#include "cli/commands.h"
#include "cli/judge.h"
#include "cli/print.h"
#include "cli/tell.h"

#include <stdio.h>
#include <string.h>

static json_t *as_json(const struct judgement *judgement)
{
    const struct trust_verdict *verdict = &judgement->verdict;
    json_t *value = json_object();
    jval_set_string(value, "digest", judgement->artifact.digest.text);
    jval_set_bool(value, "verified", verdict->met);
    jval_set_string(value, "reason",
                    verdict->met ? "Verified" : trust_reason_name(verdict->reason));
    jval_set_string(value, "message", verdict->message);
    if (verdict->attested)
        jval_set_int(value, "sequence", verdict->sequence);
    json_t *signers = json_array();
    vec_foreach (char *, name, &verdict->verified_by)
        json_array_append_new(signers, json_string(*name));
    jval_set(value, "verifiedBy", signers);
    json_t *findings = json_array();
    vec_foreach (struct trust_finding, finding, &verdict->findings) {
        json_t *row = json_object();
        jval_set_string(row, "policy", finding->policy);
        jval_set_string(row, "requirement", finding->requirement);
        jval_set_bool(row, "met", finding->met);
        jval_set_string(row, "reason", trust_reason_name(finding->reason));
        jval_set_string(row, "found", finding->found);
        jval_set_string(row, "missing", finding->missing);
        jval_set_string(row, "action", finding->action);
        json_array_append_new(findings, row);
    }
    jval_set(value, "findings", findings);
    json_t *notes = json_array();
    vec_foreach (char *, note, &judgement->evidence.notes)
        json_array_append_new(notes, json_string(*note));
    jval_set(value, "notCounted", notes);
    return value;
}

static int show(const struct cli *cli, const struct registry *registry,
                const struct judgement *judgement, struct error *err)
{
    if (*print_format(cli) != '\0') {
        cleanup_json json_t *value = as_json(judgement);
        cleanup_free char *name = registry_name(registry, judgement->artifact.digest.text);
        // A name on its own says that it verifies.
        cleanup_json json_t *names = judgement->verdict.met ? json_pack("[s]", name) : json_array();
        return print_answer(cli, value, names, err);
    }
    if (cli_flag(cli, "explain")) {
        cleanup_free char *text =
            trust_explain(&judgement->verdict, &judgement->evidence, print_wrap_width());
        fputs(text, stdout);
        return 0;
    }
    if (judgement->verdict.met)
        printf("%s\n", judgement->artifact.digest.text);
    return 0;
}

static int run(struct cli *cli, struct error *err)
{
    cleanup_registry struct registry registry = {0};
    cleanup_judgement struct judgement judgement = {0};
    evidence_set_init(&judgement.evidence);
    tell_step(cli, "collecting signatures of %s", cli_argument(cli, 0));
    if (registry_open(cli, cli_argument(cli, 0), REGISTRY_PULL, &registry, err) < 0 ||
        judge(cli, &registry, &judgement, err) < 0 || show(cli, &registry, &judgement, err) < 0)
        return -1;
    if (!judgement.verdict.met)
        return error_set(err, ERROR_UNVERIFIED, "%s: %s",
                         trust_reason_name(judgement.verdict.reason), judgement.verdict.message);
    vec_foreach (char *, name, &judgement.verdict.verified_by)
        tell_done(cli, "signed by %s", *name);
    return 0;
}

static const struct option_spec options[] = {
    JUDGE_OPTIONS,
    {"explain", 0, OPTION_FLAG, NULL,
     "print a table of every requirement: found, missing, what to do", NULL},
    RESULT_OPTION,
    REGISTRY_OPTIONS,
    {NULL, 0, OPTION_FLAG, NULL, NULL, NULL},
};

const struct command command_verify = {
    .name = "verify",
    .arguments = "REF",
    .summary = "Check who signed an artifact, and for which channel",
    .help =
        "Judges an artifact as a Sync would: signatures in both of cosign's forms and in "
        "Notation's, release statement, source.\n"
        "With --sync it is judged by the TrustPolicies that govern that Sync, but for the floor "
        "below which it does not go.\n"
        "Prints the digest and exits with 0 when it verifies, says what is missing and exits with "
        "1 when not.\n\n"
        "  sealift verify oci://registry.example.com/acme/shop:prod --key cosign.pub --explain\n"
        "  sealift verify oci://registry.example.com/acme/shop:prod --sync shop -n shop --explain\n"
        "  sealift verify oci://registry.example.com/acme/shop:prod --notation-policy "
        "~/.config/notation/trustpolicy.json\n",
    .options = options,
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run,
};
