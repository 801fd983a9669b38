// Completion scripts, generated from the command table: they know every command, option and choice,
// and ask `sealift get` for the names of objects.
#include "base/memory.h"
#include "cli/commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef void option_printer(const struct command *command, const struct option_spec *spec);

static void each_option(const struct command *command, option_printer *print)
{
    for (const struct option_spec *spec = command->options; spec != NULL && spec->name != NULL;
         spec++)
        print(command, spec);
    for (const struct option_spec *spec = common_options; spec->name != NULL; spec++)
        print(command, spec);
}

// "json|yaml" as "json yaml"; owned.
static char *words_of(const char *choices)
{
    char *words = xstrdup(choices);
    for (char *ch = words; *ch != '\0'; ch++) {
        if (*ch == '|')
            *ch = ' ';
    }
    return words;
}

static void print_bash_option(const struct command *command, const struct option_spec *spec)
{
    (void)command;
    printf(" --%s", spec->name);
}

static void print_bash_choices(const struct command *command, const struct option_spec *spec)
{
    if (spec->choices == NULL)
        return;
    cleanup_free char *words = words_of(spec->choices);
    printf("    \"%s --%s\") COMPREPLY=($(compgen -W \"%s\" -- \"$word\")); return ;;\n",
           command->name, spec->name, words);
    if (spec->letter != 0)
        printf("    \"%s -%c\") COMPREPLY=($(compgen -W \"%s\" -- \"$word\")); return ;;\n",
               command->name, spec->letter, words);
}

static void print_bash_arguments(const struct command *command)
{
    if (command->completes == NULL || strcmp(command->completes, "file") == 0)
        printf("    \"%s\") COMPREPLY=($(compgen -f -- \"$word\")) ;;\n", command->name);
    else
        printf(
            "    \"%s\") names=$(sealift get \"$previous\" -o name 2>/dev/null | sed 's,.*/,,')\n"
            "      COMPREPLY=($(compgen -W \"${names:-bundles syncs hooks trustpolicies secrets}\" "
            "-- \"$word\")) ;;\n",
            command->name);
}

static void print_bash(void)
{
    printf("# bash completion for sealift: eval \"$(sealift completion bash)\"\n_sealift() {\n"
           "  local word=\"${COMP_WORDS[COMP_CWORD]}\" previous=\"${COMP_WORDS[COMP_CWORD-1]}\"\n"
           "  local command=\"${COMP_WORDS[1]}\" names\n"
           "  [ \"$command\" = create ] && [ \"$COMP_CWORD\" -gt 2 ] && command=\"create "
           "${COMP_WORDS[2]}\"\n"
           "  [ \"$command\" = floor ] && [ \"$COMP_CWORD\" -gt 2 ] && command=\"floor "
           "${COMP_WORDS[2]}\"\n"
           "  if [ \"$COMP_CWORD\" -eq 1 ]; then\n    COMPREPLY=($(compgen -W \"");
    for (size_t i = 0; commands[i] != NULL; i++)
        printf("%.*s ", (int)strcspn(commands[i]->name, " "), commands[i]->name);
    printf("help\" -- \"$word\"))\n    return\n  fi\n"
           "  case \"$command $previous\" in\n"
           "    \"create create\") COMPREPLY=($(compgen -W \"bundle sync hook policy secret\" -- "
           "\"$word\")); return ;;\n"
           "    \"floor floor\") COMPREPLY=($(compgen -W \"reset\" -- \"$word\")); return ;;\n");
    for (size_t i = 0; commands[i] != NULL; i++)
        each_option(commands[i], print_bash_choices);
    printf("  esac\n  if [[ \"$word\" == -* ]]; then\n    case \"$command\" in\n");
    for (size_t i = 0; commands[i] != NULL; i++) {
        printf("    \"%s\") COMPREPLY=($(compgen -W \"", commands[i]->name);
        each_option(commands[i], print_bash_option);
        printf("\" -- \"$word\")) ;;\n");
    }
    printf("    esac\n    return\n  fi\n  case \"$command\" in\n");
    for (size_t i = 0; commands[i] != NULL; i++)
        print_bash_arguments(commands[i]);
    printf("  esac\n}\ncomplete -F _sealift sealift\n");
}

// Inside single quotes. `special` is what means something there besides, and takes a backslash.
static void print_quoted(const char *text, const char *special)
{
    for (; *text != '\0'; text++) {
        if (*text == '\'')
            fputs("'\\''", stdout);
        else if (strchr(special, *text) != NULL)
            printf("\\%c", *text);
        else
            putchar(*text);
    }
}

static const char zsh_special[] = "[]:";
static const char fish_special[] = "\\";

static void print_zsh_option(const struct command *command, const struct option_spec *spec)
{
    (void)command;
    printf("        '--%s[", spec->name);
    print_quoted(spec->help, zsh_special);
    printf("]");
    if (spec->choices != NULL) {
        cleanup_free char *words = words_of(spec->choices);
        printf(":%s:(%s)", spec->argument, words);
    } else if (spec->argument != NULL) {
        printf(":%s:_files", spec->argument);
    }
    printf("' \\\n");
}

static void print_zsh(void)
{
    printf("#compdef sealift\n# zsh completion for sealift: sealift completion zsh > "
           "\"${fpath[1]}/_sealift\"\n"
           "_sealift() {\n  local command=\"$words[2]\"\n"
           "  [[ \"$command\" == (create|floor) ]] && command=\"$command $words[3]\"\n"
           "  if (( CURRENT == 2 )); then\n    local -a names=(\n");
    for (size_t i = 0; commands[i] != NULL; i++) {
        if (strchr(commands[i]->name, ' ') != NULL)
            continue;
        printf("      '%s:", commands[i]->name);
        print_quoted(commands[i]->summary, zsh_special);
        printf("'\n");
    }
    printf(
        "      'create:Create an object'\n      'floor:Manage floors'\n    )\n    _describe "
        "command names\n    return\n  fi\n"
        "  if (( CURRENT == 3 )) && [[ \"$words[2]\" == create ]]; then compadd bundle sync hook "
        "policy secret; return; fi\n"
        "  if (( CURRENT == 3 )) && [[ \"$words[2]\" == floor ]]; then compadd reset; return; fi\n"
        "  case \"$command\" in\n");
    for (size_t i = 0; commands[i] != NULL; i++) {
        printf("    '%s')\n      _arguments \\\n", commands[i]->name);
        each_option(commands[i], print_zsh_option);
        bool objects =
            commands[i]->completes != NULL && strcmp(commands[i]->completes, "file") != 0;
        printf("        '*:argument:%s' ;;\n",
               objects ? "(bundles syncs hooks trustpolicies secrets ${${(f)\"$(sealift get "
                         "$words[CURRENT-1] -o name "
                         "2>/dev/null)\"}##*/})"
                       : "_files");
    }
    printf("  esac\n}\n_sealift \"$@\"\n");
}

static void print_fish_option(const struct command *command, const struct option_spec *spec)
{
    const char *word =
        strrchr(command->name, ' ') != NULL ? strrchr(command->name, ' ') + 1 : command->name;
    printf("complete -c sealift -n '__fish_seen_subcommand_from %s' -l %s", word, spec->name);
    if (spec->letter != 0)
        printf(" -s %c", spec->letter);
    if (spec->choices != NULL) {
        cleanup_free char *words = words_of(spec->choices);
        printf(" -x -a '%s'", words);
    } else if (spec->argument != NULL) {
        printf(" -r");
    }
    printf(" -d '");
    print_quoted(spec->help, fish_special);
    printf("'\n");
}

static void print_fish(void)
{
    printf("# fish completion for sealift: sealift completion fish | source\n");
    for (size_t i = 0; commands[i] != NULL; i++) {
        const char *space = strchr(commands[i]->name, ' ');
        if (space == NULL) {
            printf("complete -c sealift -f -n __fish_use_subcommand -a %s -d '", commands[i]->name);
        } else {
            printf("complete -c sealift -f -n __fish_use_subcommand -a %.*s\n",
                   (int)(space - commands[i]->name), commands[i]->name);
            printf("complete -c sealift -f -n '__fish_seen_subcommand_from %.*s' -a %s -d '",
                   (int)(space - commands[i]->name), commands[i]->name, space + 1);
        }
        print_quoted(commands[i]->summary, fish_special);
        printf("'\n");
        each_option(commands[i], print_fish_option);
    }
}

static int run(struct cli *cli, struct error *err)
{
    const char *shell = cli_argument(cli, 0);
    if (strcmp(shell, "bash") == 0)
        print_bash();
    else if (strcmp(shell, "zsh") == 0)
        print_zsh();
    else if (strcmp(shell, "fish") == 0)
        print_fish();
    else
        return error_set(err, ERROR_INVALID,
                         "there is no completion for \"%s\"; the shells are bash, zsh and fish",
                         shell);
    return 0;
}

const struct command command_completion = {
    .name = "completion",
    .arguments = "bash|zsh|fish",
    .summary = "Print a completion script for a shell",
    .help = "  eval \"$(sealift completion bash)\"\n"
            "  sealift completion zsh > \"${fpath[1]}/_sealift\"\n"
            "  sealift completion fish > ~/.config/fish/completions/sealift.fish\n",
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run,
};
