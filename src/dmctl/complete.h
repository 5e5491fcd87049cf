/* complete.h - what may stand at the end of a line: commands, options, workers, task names.
 *
 * Task names are asked of the workers, for at most a second. One thread. */
#pragma once

#include <stdbool.h>

#include "args.h"

struct session;

/* `line` is what stands before the word, `word` its beginning. true: file names fit here, and ret is empty. */
bool complete_word(const struct session *s, const char *line, const char *word, struct words *ret);
