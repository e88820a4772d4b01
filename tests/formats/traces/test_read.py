"""Traces as others publish them, in small: what is read, and what is said where a file is wrong."""

import gzip
import json

import numpy as np
import pytest

from gnomon.core.errors import BadInput
from gnomon.formats.traces.read import read_trace_file

AZURE = """TIMESTAMP,ContextTokens,GeneratedTokens\r
2023-11-16 18:15:46.6805900,374,44\r
2023-11-16 18:15:50.9951690,396,109\r
"""
AZURE_2024 = """TIMESTAMP,ContextTokens,GeneratedTokens
2024-05-10 23:59:59.500000+00:00,2162,5
2024-05-11 00:00:01+00:00,2399,6
"""
BURSTGPT = """Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type
5,ChatGPT,472,18,490,Conversation log
45,ChatGPT,1087,0,1087,Conversation log
118,GPT-4,417,276,693,API log
"""
BURSTGPT_3 = """Timestamp,Session ID,Elapsed time,Model,Request tokens,Response tokens,Total tokens,Log Type
19440110.0,1722ac82,43,GPT-4,906,446,1352,Conversation log
19440161.0,d5983bf9,2,ChatGPT,36,29,65,Conversation log
"""
SPLITWISE = """request_id,request_type,application_id,arrival_timestamp,batch_size,prompt_size,token_size
10,2,0,1,1,4096,32
11,2,0,3.5,1,2048,8
"""
VIDUR = """arrived_at,num_prefill_tokens,num_decode_tokens
0.0,4808,10
0.052,3180,8
"""
VIDUR_RUN = """request_id,arrived_at,num_prefill_tokens,num_decode_tokens
3,0.25,100,10
4,0.5,200,20
"""
VIDUR_LENGTHS = """num_prefill_tokens,num_decode_tokens,num_total_tokens,pd_ratio
100,50,150,2.0
30,10,40,3.0
"""
MEASURED = """{"request_id": "bench-1", "input_toks": 1034, "output_toks": 769, "arrival_time": 1777142838.75}
{"request_id": "bench-0", "input_toks": 2358, "output_toks": 531, "arrival_time": 1777142838.25, "queued_ts": 47.1}
"""
MOONCAKE = """{"timestamp": 0, "input_length": 1100, "output_length": 52, "hash_ids": [0, 1, 2]}
{"timestamp": 3000, "input_length": 512, "output_length": 9, "hash_ids": [0]}

{"timestamp": 3000, "input_length": 600, "output_length": 1, "hash_ids": [0, 3]}
"""


def read(tmp_path, text, name="trace.csv"):
    path = tmp_path / name
    path.write_text(text if isinstance(text, str) else json.dumps(text), encoding="utf-8", newline="")
    return read_trace_file(path)


def pieces(prefixes, place):
    begin, end = prefixes.starts[place : place + 2]
    return list(zip(prefixes.segments[begin:end].tolist(), prefixes.tokens[begin:end].tolist(), strict=True))


@pytest.mark.parametrize(
    ("text", "kind", "arrived_s", "prompts", "answers"),
    [
        (AZURE, "azure-llm", [0.0, 4.314579], [374, 396], [44, 109]),
        (AZURE_2024, "azure-llm", [0.0, 1.5], [2162, 2399], [5, 6]),
        (BURSTGPT, "burstgpt", [0.0, 113.0], [472, 417], [18, 276]),
        (BURSTGPT_3, "burstgpt", [0.0, 51.0], [906, 36], [446, 29]),
        (SPLITWISE, "splitwise", [1.0, 3.5], [4096, 2048], [32, 8]),
        (VIDUR, "vidur", [0.0, 0.052], [4808, 3180], [10, 8]),
        (VIDUR_RUN, "vidur", [0.25, 0.5], [100, 200], [10, 20]),
        (VIDUR_LENGTHS, "vidur-lengths", [0.0, 0.0], [100, 30], [50, 10]),
        (MEASURED, "measured-requests", [0.0, 0.5], [2358, 1034], [531, 769]),
        (MOONCAKE, "mooncake", [0.0, 3.0, 3.0], [1100, 512, 600], [52, 9, 1]),
        ("arrived_s,prompt_tokens,answer_tokens\n0.5,7,8\n", "plain", [0.5], [7], [8]),
        ("\ufeff" + VIDUR + "\n\n", "vidur", [0.0, 0.052], [4808, 3180], [10, 8]),
    ],
)
def test_a_trace_is_told_by_its_columns_and_read(tmp_path, text, kind, arrived_s, prompts, answers):
    found = read(tmp_path, text)
    assert found.kind == kind
    np.testing.assert_allclose(found.arrivals.arrived_s, arrived_s, atol=1e-9)
    assert found.arrivals.prefill_tokens.tolist() == prompts
    assert found.arrivals.decode_tokens.tolist() == answers
    assert found.arrivals.ids.dtype == found.arrivals.prefill_tokens.dtype == np.int64
    assert found.arrivals.arrived_s.dtype == np.float64


def test_numbers_of_requests_are_kept_where_a_trace_has_them(tmp_path):
    assert read(tmp_path, SPLITWISE).arrivals.ids.tolist() == [10, 11]
    assert read(tmp_path, VIDUR_RUN).arrivals.ids.tolist() == [3, 4]


def test_a_packed_table_is_read(tmp_path):
    path = tmp_path / "trace.csv.gz"
    path.write_bytes(gzip.compress(VIDUR.encode()))
    assert len(read_trace_file(path).arrivals) == 2


def test_requests_of_burstgpt_that_failed_are_left_out_and_counted(tmp_path):
    assert read(tmp_path, BURSTGPT).notes == ("1 request without a prompt or an answer left out: they failed",)


def test_blocks_of_mooncake_are_what_prompts_share(tmp_path):
    prefixes = read(tmp_path, MOONCAKE).arrivals.prefixes
    assert pieces(prefixes, 0) == [(0, 512), (1, 512), (2, 76)]
    assert pieces(prefixes, 2) == [(0, 512), (3, 88)]
    assert prefixes.answers.tolist() == [-1, -1, -1]


def test_what_vllm_benchmark_sent_is_read_in_the_order_of_time(tmp_path):
    result = {
        "duration": 9.0,
        "completed": 2,
        "max_concurrency": 4,
        "input_lens": [10, 20, 30],
        "output_lens": [1, 0, 3],
        "start_times": [100.5, 100.0, 99.5],
        "errors": ["", "timeout", ""],
    }
    found = read(tmp_path, result, "run.json")
    assert found.arrivals.arrived_s.tolist() == [0.0, 1.0]
    assert found.arrivals.prefill_tokens.tolist() == [30, 10]
    assert found.notes[0] == "1 request with an error left out"
    assert "at most 4 under way" in found.notes[1]
    del result["start_times"]
    assert "say how they arrive" in read(tmp_path, result, "run.json").notes[1]


def test_conversations_of_sharegpt_become_turns_that_wait(tmp_path):
    said = [
        {
            "id": "a",
            "conversations": [
                {"from": "system", "value": "s" * 8},
                {"from": "human", "value": "q" * 40},
                {"from": "gpt", "value": "a" * 9},
                {"from": "human", "value": "q" * 4},
                {"from": "gpt", "value": "a" * 4},
            ],
        },
        {"id": "b", "conversations": [{"from": "human", "value": "nobody answers"}]},
        {
            "id": "c",
            "conversations": [{"from": "human", "value": "x", "tokens": 7}, {"from": "gpt", "value": "", "tokens": 5}],
        },
    ]
    found = read(tmp_path, said, "chats.json")
    arrivals = found.arrivals
    assert arrivals.prefill_tokens.tolist() == [12, 7, 16]
    assert arrivals.decode_tokens.tolist() == [3, 5, 1]
    assert arrivals.after.tolist() == [-1, -1, 0]
    assert [tokens for _, tokens in pieces(arrivals.prefixes, 2)] == [2, 10, 3, 1]
    assert pieces(arrivals.prefixes, 2)[:2] == pieces(arrivals.prefixes, 0)
    assert pieces(arrivals.prefixes, 2)[2][0] == arrivals.prefixes.answers[0]
    assert arrivals.prefixes.answers[1:].tolist() == [-1, -1]
    assert found.notes == (
        "no times: all conversations begin at once; say how they arrive",
        "tokens of 6 texts estimated: a token for 4 letters",
        "1 conversation without an answer left out",
    )


def test_chat_messages_a_line_each_are_read_too(tmp_path):
    said = {"messages": [{"role": "user", "content": "abcdefgh"}, {"role": "assistant", "content": "abcd"}]}
    found = read(tmp_path, json.dumps(said) + "\n" + json.dumps(said) + "\n", "chats.jsonl")
    assert found.arrivals.prefill_tokens.tolist() == [2, 2]


def test_our_own_trace_says_all_that_is_known_of_a_request(tmp_path):
    text = """arrived_s,prompt_tokens,answer_tokens,priority,adapter,prefix,prefix_tokens,conversation
0.0,100,10,1,red,greeting,60,
0.5,70,5,,,greeting,60,talk
2.0,90,5,0,,,,talk
1.0,60,5,0,red,greeting,60,
"""
    arrivals = read(tmp_path, text).arrivals
    assert arrivals.priorities.tolist() == [1, 0, 0, 0]
    assert arrivals.adapters.tolist() == [0, -1, -1, 0]
    assert arrivals.after.tolist() == [-1, -1, 1, -1]
    assert pieces(arrivals.prefixes, 0)[0] == pieces(arrivals.prefixes, 3)[0]  # one adapter, one prefix
    assert pieces(arrivals.prefixes, 0)[0][0] != pieces(arrivals.prefixes, 1)[0][0]
    assert [tokens for _, tokens in pieces(arrivals.prefixes, 2)] == [60, 10, 5, 15]
    assert arrivals.prefixes.answers.tolist() == [-1, pieces(arrivals.prefixes, 2)[2][0], -1, -1]


OWN = "arrived_s,prompt_tokens,answer_tokens"
OWN_SHARED = "arrived_s,prompt_tokens,answer_tokens,prefix,prefix_tokens"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ": the file is empty"),
        ("arrived_s,prompt_tokens,answer_tokens\n", ": no requests"),
        ("arived_s,prompt_tokens,answer_tokens\n1,2,3\n", ": column 'arrived_s' is missing; is it 'arived_s'?"),
        ("arrived_at,num_prefill_tokens\n1,2\n", ": column 'num_decode_tokens' is missing"),
        ("a,b\n1,2\n", ": no trace of requests that is known here, its columns are a, b (known columns of our own:"),
        (OWN + ",priorty\n1,2,3,0\n", ":1: unknown column 'priorty'; did you mean 'priority'?"),
        (OWN + "\n1,2,3\n2,x,3\n", ":3: column 'prompt_tokens': 'x' is not a number"),
        (OWN + "\n1,2,3\n2,,3\n", ":3: prompt_tokens: nothing there"),
        (OWN + "\n1,2,3\n2,-4,3\n", ":3: prompt_tokens: -4 is less than 1: leave such lines out"),
        (OWN + "\n1,2,3\n2,4,0\n", ":3: answer_tokens: 0 is less than 1: leave such lines out"),
        (OWN + "\n1,2.5,3\n", ":2: prompt_tokens: 2.5 is no whole number"),
        (OWN + "\n1,2e12,3\n", ":2: prompt_tokens: 2e12 is more than 1,000,000,000"),
        (OWN + "\n-1,2,3\n", ":2: arrived_s: -1 s is before the beginning"),
        (OWN + "\n1,2,3\n\n0.5,2,3\n", ":4: arrived_s: 0.5 is before the request above it: sort them by time"),
        (OWN + "\nnan,2,3\n", ":2: column 'arrived_s': 'nan' is not a number"),
        (OWN + "\n1,2,3,4\n", ":2: more cells than the header has columns"),
        (OWN_SHARED + "\n1,20,3,a,30\n", ":2: prefix_tokens: 30 is more than the whole prompt"),
        (OWN_SHARED + "\n1,20,3,a,3\n1,20,3,a,4\n", ":3: prefix_tokens: 4 is not as long as that prefix is above"),
        (OWN_SHARED + "\n1,20,3,,3\n", ":2: prefix_tokens: 3 tokens of no prefix"),
        (OWN_SHARED + "\n1,20,3,a,\n", ":2: prefix_tokens: nothing there"),
        (OWN + ",prefix\n1,20,3,a\n", ":2: prefix: no column 'prefix_tokens' says how long it is"),
        (OWN + ",conversation\n1,20,3,a\n0,23,3,a\n", ":3: prompt_tokens: 23 is not more than the 23 of the former"),
        (AZURE.replace("2023-11-16 18:15:50", "yesterday"), ":3: TIMESTAMP: 'yesterday.9951690' is no time like"),
        (AZURE.replace("18:15:50", "18:15:40"), ":3: TIMESTAMP: 2023-11-16 18:15:40.9951690 is before the request"),
        (BURSTGPT.replace("276", "-1"), ":4: Response tokens: -1 is less than 0"),
        (
            BURSTGPT.replace("Request tokens", "Request token"),
            ": column 'Request tokens' is missing; is it 'Request tok",
        ),
        (SPLITWISE.replace("11,2,0", "11,1,0"), ":3: request_type: 1 is no request to a language model; that is 2"),
        (SPLITWISE.replace("3.5,1,", "3.5,4,"), ":3: batch_size: 4 prompts in one request"),
        (VIDUR_RUN.replace("200", "-200"), "num_prefill_tokens"),
        (MOONCAKE.replace("[0, 3]", "[0]"), ":4: hash_ids: 1 blocks of 512 tokens for a prompt of 600, expected 2"),
        (MOONCAKE.replace("[0, 3]", f"[0, {10**30}]"), ":4: hash_ids: a number beyond 9,223,372,036,854,775,807"),
        (MOONCAKE.replace("1100", "1" + 400 * "0"), ":1: input_length: 1000"),
        (VIDUR.replace("num_decode", '"num_decode'), ":1: a column's name goes on in the next line"),
        (MOONCAKE.replace("[0, 3]", "7"), ":4: hash_ids: not a list of whole numbers"),
        (MOONCAKE.replace('"timestamp": 0', '"timestamp": 4000'), ":2: timestamp: 3000 ms is before the request above"),
        (MOONCAKE.replace('_length": 600', '_length": -600'), ":4: input_length: -600 is less than 1"),
        (MOONCAKE.replace('1, "hash', 'null, "hash'), ":4: output_length: None is not a number"),
        (MOONCAKE.replace("input_length", "input_lenght"), ":1: no key 'input_length'; did you mean 'input_lenght'?"),
        (MOONCAKE + "{oops\n", ":5: not JSON: Expecting property name"),
        (MOONCAKE + "[]\n", ":5: '[]' is not an object with keys"),
        (MEASURED.replace("1034", '"many"'), ":1: input_toks: 'many' is not a number"),
        ('{"a": 1}', ": no trace of requests that is known here, its keys are a (known keys of Mooncake:"),
        ('{"completed": 3, "request_throughput": 2.0}', ": input_lens: has no lists of requests: write it anew with"),
        ('{"input_lens": [1, 2], "output_lens": [1]}', ": output_lens: 1 of 2 requests"),
        ('{"input_lens": [1], "output_lens": [0]}', ": output_lens.0: 0 is less than 1"),
        ('{"input_lens": [1], "output_lens": [0], "errors": ["x"]}', ": no request that did not fail"),
        ("[]", ": no conversation with an answer"),
        ("[3]", ": conversation 1: '3' is not an object with keys"),
        ('[{"conversation": []}]', ": conversation 1: no key 'conversations'; did you mean 'conversation'?"),
        (
            '[{"conversations": [{"from": "humen", "value": "x"}]}]',
            ": conversation 1: conversations.0: from: 'humen' is nobody known; did you mean 'human'?",
        ),
        ('[{"conversations": [{"from": "human", "value": 3}]}]', ": conversations.0: value: 3 is not text"),
    ],
)
def test_a_wrong_file_is_refused_with_line_and_column(tmp_path, text, expected):
    with pytest.raises(BadInput) as caught:
        read(tmp_path, text)
    message = str(caught.value)
    assert message.startswith(str(tmp_path / "trace.csv"))
    assert expected in message
    assert "\n" not in message


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(BadInput, match="no such file"):
        read_trace_file(tmp_path / "none.csv")
    with pytest.raises(BadInput, match="a folder"):
        read_trace_file(tmp_path)


def test_requests_of_measured_runs_are_read(shared):
    for path in sorted((shared / "truth" / "serving" / "per_request").glob("*/requests.jsonl")):
        found = read_trace_file(path)
        assert found.kind == "measured-requests"
        assert len(found.arrivals) == 300
        assert found.arrivals.arrived_s[0] == 0
        assert 29 < found.arrivals.arrived_s[-1] < 30
