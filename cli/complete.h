// What can stand where the last word is being typed, for kubectl, which runs the program
// kubectl_complete-sealift with the words behind `kubectl sealift`.
#ifndef CLI_COMPLETE_H
#define CLI_COMPLETE_H

// Prints a candidate a line (with a tab and what it is), then ":" and cobra's directive: 4 = no
// file names, 0 = file names too. Always 0: a cluster that cannot be asked has no candidates.
// Format: github.com/spf13/cobra, "__complete"; kubectl, plugin_completion.go.
int complete(int argc, char *const *argv);

#endif
