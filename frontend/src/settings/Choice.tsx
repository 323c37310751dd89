import { Input, SegmentedControl, Stack } from "@mantine/core";
import { useId } from "@mantine/hooks";

interface ChoiceProps<T extends string> {
  /** All texts already translated. */
  label: string;
  description?: string;
  value: T;
  options: readonly (readonly [value: T, label: string])[];
  onChange: (value: T) => void;
}

/** One setting with a few values, taken at once. */
export function Choice<T extends string>({ label, description, value, options, onChange }: ChoiceProps<T>) {
  const id = useId();
  return (
    <Stack gap={4} align="flex-start">
      <Input.Label component="div" id={id}>
        {label}
      </Input.Label>
      {description && <Input.Description>{description}</Input.Description>}
      <SegmentedControl
        aria-labelledby={id}
        value={value}
        data={options.map(([option, name]) => ({ value: option, label: name }))}
        onChange={(chosen) => onChange(chosen as T)}
      />
    </Stack>
  );
}
