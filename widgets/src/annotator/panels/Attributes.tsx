// What the selected shape's class asks about its shapes.
import type { AttributeInfo } from "../../wire.gen";
import type { Session } from "../session";

type Value = string | number | boolean | undefined;

function Field({ about, value, readOnly, set }: { about: AttributeInfo; value: unknown; readOnly: boolean; set: (value: Value) => void }) {
  switch (about.kind) {
    case "select":
      return (
        <select class="evalnb-input" value={typeof value === "string" ? value : ""} disabled={readOnly} onChange={(event) => set(event.currentTarget.value || undefined)}>
          <option value="">–</option>
          {about.choices.map((choice) => <option key={choice} value={choice}>{choice}</option>)}
          {/* What an import brought stays to be seen, though it is none of the choices. */}
          {typeof value === "string" && value && !about.choices.includes(value) && <option value={value}>{value}</option>}
        </select>
      );
    case "checkbox":
      return <input type="checkbox" checked={value === true} disabled={readOnly} onChange={(event) => set(event.currentTarget.checked)} />;
    case "number":
      return (
        <input
          class="evalnb-input" type="number" step="any" value={typeof value === "number" ? value : ""} disabled={readOnly}
          {...(about.low === null ? {} : { min: about.low })} {...(about.high === null ? {} : { max: about.high })}
          onChange={(event) => {
            const input = event.currentTarget;
            if (input.reportValidity()) set(input.value === "" ? undefined : input.valueAsNumber);
          }}
        />
      );
    case "text":
      return <input class="evalnb-input" type="text" value={typeof value === "string" ? value : ""} disabled={readOnly} onChange={(event) => set(event.currentTarget.value || undefined)} />;
  }
}

export function Attributes({ session }: { session: Session }) {
  const shape = session.shapes.value.find(({ id }) => id === session.selectedId.value);
  const label = shape && session.classes.value.find(({ id }) => id === shape.class_id);
  if (!shape || !label?.attributes.length) return null;
  return (
    <section class="evalnb-section" aria-label={`Attributes of this ${label.name}`}>
      <h3>Attributes</h3>
      {label.attributes.map((about) => (
        <label class="evalnb-field" key={`${shape.id} ${about.name}`}>
          <span>{about.name}</span>
          <Field
            about={about} value={shape.attributes[about.name]} readOnly={session.editor.readOnly || session.locked.value.has(shape.id)}
            set={(value) => session.editor.describe(shape.id, about.name, value)}
          />
        </label>
      ))}
    </section>
  );
}
