"""Sessions and turns: events come in, prompts go out, requests of the CLI are answered.

What users hold is `session` and `turn`; what the reader of the connection works on is
`state` and `turn_state`. To read the package, follow an event:

* `state`          what a session has, and what each event does to it
* `dedupe`         each event once, although the CLI repeats some
* `fanout`         to which subscribers it goes; `buffer` and `coalesce`: the slow ones
* `turn_state`     what happens to a prompt; `drain`: how its work is stopped
* `transcript`     what the events of a turn mean, in terms of `turn_events`;
                   `turn_text`, `usage`, `retries` and `logged_out` are parts of it
* `requests`       which handler answers the CLI; `running`: the handlers at work;
                   `typed_handlers`: those of `trio_copilot.rpc`
* `missing`        how the CLI reports that a session does not exist
* `statistics`     what is counted on the way

and the values that users pass and get:

* `options`        of a session; `option_fields`, `option_paths`, `wire_fields`: how each is
                   checked and written; `keywords`: for type checkers; and the values
                   `provider`, `system_message`, `infinite`
* `permissions`, `questions`, `modes`, `hooks`   what handlers get, and may answer
* `attachments`    what goes with a prompt; `contents` and `pictures`: what files contain
* `chunks`         an answer in lines, sentences or paragraphs; `fences`: strangers' text
                   in a prompt
"""
