# shellcheck shell=bash
# Bash reads this when spinelctl is completed for the first time; the program knows its verbs best.
eval "$(spinelctl completion bash)"
