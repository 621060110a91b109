// How the image and its labels look. Nothing here changes data.
import { useState } from "preact/hooks";
import { type Look, altersPicture, channels, plain, restored } from "../../render/look";
import type { Session } from "../session";
import { Slider, Toggle } from "./controls";

const channelNames: Readonly<Record<Look["channel"], string>> = { color: "Colour", red: "Red only", green: "Green only", blue: "Blue only", gray: "Grey" };

const signed = (value: number): string => (value > 0 ? "+" : value < 0 ? "−" : "") + Math.abs(Math.round(value * 100));
const percent = (value: number): string => `${Math.round(value * 100)}%`;

export function Display({ session }: { session: Session }) {
  const [open, setOpen] = useState(false);
  const { preferences } = session;
  const look = preferences.look.value;
  const altered = altersPicture(look);
  return (
    <section class="evalnb-section" aria-label="Display">
      <h3>
        <button type="button" class="evalnb-fold" aria-expanded={open} onClick={() => setOpen(!open)}>Display</button>
        {altered && <button type="button" class="evalnb-link" onClick={() => (preferences.look.value = restored(look))}>Image as it is</button>}
      </h3>
      {open && (
        <>
          <Slider label="Brightness" value={look.brightness} min={-1} max={1} usual={0} show={signed} set={(brightness) => preferences.show({ brightness })} />
          <Slider label="Contrast" value={look.contrast} min={-1} max={1} usual={0} show={signed} set={(contrast) => preferences.show({ contrast })} />
          <Slider
            label="Gamma" value={Math.log2(look.gamma)} min={-2} max={2} usual={0} show={(value) => (2 ** value).toFixed(2)}
            set={(value) => preferences.show({ gamma: Math.round(2 ** value * 100) / 100 })}
          />
          <select
            class="evalnb-select" aria-label="Channel" value={look.channel}
            onChange={(event) => preferences.show({ channel: event.currentTarget.value as Look["channel"] })}
          >
            {channels.map((one) => <option key={one} value={one}>{channelNames[one]}</option>)}
          </select>
          <Toggle label="Inverted" checked={look.inverted} onChange={(inverted) => preferences.show({ inverted })} />
          <Slider label="Labels" value={look.labels} min={0.1} max={1} usual={plain.labels} show={percent} set={(labels) => preferences.show({ labels })} />
          <Slider label="Fill" value={look.fill} min={0} max={1} usual={plain.fill} show={percent} set={(fill) => preferences.show({ fill })} />
          <select
            class="evalnb-select" aria-label="Colour by" value={look.colorBy}
            onChange={(event) => preferences.show({ colorBy: event.currentTarget.value as Look["colorBy"] })}
          >
            <option value="class">Colour by class</option>
            <option value="instance">Colour by instance</option>
            <option value="group">Colour by group</option>
            <option value="match">Colour by match</option>
          </select>
          <Toggle label="Names" checked={look.names} onChange={(names) => preferences.show({ names })} />
          <Toggle label="Crosshair" checked={look.crosshair} onChange={(crosshair) => preferences.show({ crosshair })} />
          <Toggle label="Rulers" checked={look.rulers} onChange={(rulers) => preferences.show({ rulers })} />
          <Toggle label="Minimap" checked={look.minimap} onChange={(minimap) => preferences.show({ minimap })} />
        </>
      )}
    </section>
  );
}
