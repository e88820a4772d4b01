"""KV caches on their way to another pool: each replica has one link, which takes what is ready in the order in which it is."""

from __future__ import annotations

from gnomon.core.jit import inner
from gnomon.engines.serving.simulator import events
from gnomon.engines.serving.simulator.state import Records, Rules


@inner
def send(
    rules: Rules, requests: Records, mine: Records, members: Records, size: int, queue: events.Events, now_s: float
) -> None:
    """KV caches of those prompts of a step that are through go on; each keeps its blocks until it is there."""
    for at in range(size):
        one = requests[members[at].request]
        if one.is_completed and one.goes_on and one.sent_s == 0:
            one.sent_s = sent_s(rules, mine, one, now_s)
            if one.blocks > 0:  # none are left of one that was preempted while its last step was in flight
                events.later(queue, one.sent_s, events.SENT, members[at].request)


@inner
def sent_s(rules: Rules, mine: Records, one: Records, now_s: float) -> float:
    """When the KV cache of a prompt that is just through is with the other pool.

    Whole, it waits for those before it. Layer by layer [Patel et al. 2024, section 4.3] all but the last layer can be sent while
    the prompt is computed, as far as the link keeps up: layers are taken to be through one after another, at equal distances from
    when the request is scheduled. What one step ends is sent together: all layers but the last ones, then those. Nothing was
    sent before of a prompt that was preempted.
    """
    if now_s > mine.prompts_s:
        mine.layers_s = max(mine.layers_s, mine.prompts_s) + mine.lasts_s
        mine.lasts_s, mine.prompts_s = 0.0, now_s
    lead_s = 0.0
    if one.restarts == 0:
        lead_s = rules.lead_share * (now_s - one.scheduled_s)
    mine.layers_s = max(mine.layers_s, now_s - lead_s) + (1.0 - rules.last_share) * one.send_s
    mine.lasts_s += rules.last_share * one.send_s
    there_s: float = max(mine.layers_s, now_s) + mine.lasts_s
    return there_s
