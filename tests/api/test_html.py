from __future__ import annotations

from dataclasses import replace

import gnomon


def test_a_notebook_shows_each_pass_with_its_time_and_interval():
    found = gnomon.predict("llama-2-7b", "h100-sxm")
    shown = found._repr_html_()
    assert shown.count("<tr>") == 3
    assert "TTFT prefill 1024" in shown and "TPOT decode @1024" in shown
    assert "#" not in shown  # no colour of its own: the page's, light or dark


def test_names_are_escaped():
    found = gnomon.predict("resnet-50", "t4")
    evil = replace(found.question, model=replace(found.question.model, name="<script>alert(1)</script>"))
    shown = replace(found, question=evil)._repr_html_()
    assert "<script>" not in shown
    assert "&lt;script&gt;" in shown


def test_reasons_stand_where_there_is_no_time():
    assert "not answered: roofline answers for one device" in gnomon.predict("resnet-50", "h100:8")._repr_html_()


def test_several_answers_are_one_table():
    assert gnomon.predict_many(["resnet-50"], ["t4", "l4"])._repr_html_().count("<table") == 1
