import json, os
from pathlib import Path
import pytest
from evalnb.project import Project
from tests.exploring import EXPLORE, Exploring, evaluated
pytestmark = pytest.mark.browser

def test_look(store, lab, browser, tmp_path):
    one = evaluated(Project(store), tmp_path / "demo", images=60)
    lab.write("e.ipynb", EXPLORE.format(evaluation_id=one.id))
    for theme in ("light", "dark"):
        ctx = browser.new_context(viewport={"width": 1440, "height": 1500}, device_scale_factor=1, color_scheme=theme)
        page = ctx.new_page()
        ctx.request.put(f"{lab.url}/lab/api/settings/@jupyterlab/apputils-extension:themes?token={lab.token}", headers={"Content-Type":"application/json"}, data=json.dumps({"raw": json.dumps({"theme": f"JupyterLab {theme.title()}"})}))
        page.on("console", lambda m: print("console", m.text) if m.type=="error" else None)
        page.on("pageerror", lambda e: print("ERR", e))
        lab.open(page, "e.ipynb"); lab.run_all(page)
        w = Exploring(page)
        try:
            w.wait(); page.wait_for_timeout(1500)
        finally:
            page.screenshot(path=f"/tmp/look-{theme}-page.png")
        w.root.screenshot(path=f"/tmp/look-{theme}-1.png")
        print("elapsed", page.locator(".evalnb-evaluation .frame").get_attribute("data-elapsed"))
        w.slide(0.42); page.wait_for_timeout(1500)
        print("elapsed", page.locator(".evalnb-evaluation .frame").get_attribute("data-elapsed"))
        w.root.locator("[data-class] button").first.click(); page.wait_for_timeout(1200)
        w.root.screenshot(path=f"/tmp/look-{theme}-2.png")
        for k in range(10):
            w.slide(0.3+0.02*k); page.wait_for_timeout(250)
            print("elapsed", page.locator(".evalnb-evaluation .frame").get_attribute("data-elapsed"))
        w.root.locator(".card").first.click()
        page.locator(".evalnb-annotator .evalnb-percent").wait_for(timeout=30000); page.wait_for_timeout(2500)
        page.screenshot(path=f"/tmp/look-{theme}-3.png")
        ctx.close()
