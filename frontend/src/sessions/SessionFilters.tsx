import { Autocomplete, Button, Collapse, Group, MultiSelect, TextInput } from "@mantine/core";
import { useDebouncedCallback, useDisclosure, useMediaQuery } from "@mantine/hooks";
import { IconFilter } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { api, type Page } from "@/api/client";
import type { Host, SessionState } from "@/api/types";
import { useText } from "@/i18n/text";
import { FilterBox } from "@/shell/FilterBox";
import { sessionStates, stateLooks } from "@/shell/states";
import { TimeRange } from "@/shell/TimeRange";

/** As they stand in the address; empty means all. `state` is a list with commas. */
export type SessionFilterValues = {
  q: string;
  user: string;
  host: string;
  state: string;
  after: string;
  before: string;
};

export const noFilters: SessionFilterValues = { q: "", user: "", host: "", state: "", after: "", before: "" };

interface SessionFiltersProps {
  filters: SessionFilterValues;
  onChange: (change: Partial<SessionFilterValues>, options?: { replace?: boolean }) => void;
}

export function SessionFilters({ filters, onChange }: SessionFiltersProps) {
  const t = useText();
  const isNarrow = useMediaQuery("(max-width: 640px)", undefined, { getInitialValueInEffect: false });
  const [isOpen, { toggle }] = useDisclosure(false);
  const { q, ...others } = filters;
  const active = Object.values(others).filter(Boolean).length;
  const [typed, setTyped] = useTyped(q, (next) => onChange({ q: next }, { replace: true }));
  return (
    <Group gap="sm" wrap="wrap" style={{ flex: 1 }}>
      <FilterBox value={typed} onChange={setTyped} placeholder={t("Person, host, account or id")} />
      {isNarrow && (
        <Button
          size="xs"
          variant="default"
          leftSection={<IconFilter size={14} />}
          onClick={toggle}
          aria-expanded={isOpen}
        >
          {active > 0 ? t("Filters ({count})", { count: active }) : t("Filters")}
        </Button>
      )}
      {isNarrow ? (
        <Collapse expanded={isOpen} w="100%">
          <Group gap="sm">
            <FilterControls filters={filters} onChange={onChange} />
          </Group>
        </Collapse>
      ) : (
        <FilterControls filters={filters} onChange={onChange} />
      )}
    </Group>
  );
}

function FilterControls({ filters, onChange }: SessionFiltersProps) {
  const t = useText();
  const [user, setUser] = useTyped(filters.user, (next) => onChange({ user: next }));
  const states = Object.entries(sessionStates) as [SessionState, (typeof sessionStates)[SessionState]][];
  return (
    <>
      <TextInput
        size="xs"
        w={130}
        value={user}
        placeholder={t("Person")}
        aria-label={t("Person")}
        onChange={(event) => setUser(event.currentTarget.value)}
      />
      <HostInput value={filters.host} onChange={(host) => onChange({ host })} />
      <MultiSelect
        size="xs"
        miw={130}
        maw={320}
        clearable
        clearButtonProps={{ "aria-label": t("Clear") }}
        placeholder={filters.state ? "" : t("State")}
        aria-label={t("State")}
        data={states.map(([value, { kind, word }]) => ({ value, label: t(word ?? stateLooks[kind].word) }))}
        value={filters.state ? filters.state.split(",") : []}
        onChange={(chosen) => onChange({ state: chosen.join(",") })}
      />
      <TimeRange after={filters.after} before={filters.before} onChange={onChange} />
    </>
  );
}

/** A host by name; the names come from the server, not from the rows on the page. */
export function HostInput({ value, onChange }: { value: string; onChange: (host: string) => void }) {
  const t = useText();
  const [typed, setTyped] = useTyped(value, onChange);
  const [isOpen, setOpen] = useState(false);
  const hosts = useQuery({
    queryKey: ["hosts/", "names", typed],
    queryFn: ({ signal }) => api.get<Page<Host>>("hosts/", { q: typed, page_size: 20 }, signal),
    enabled: isOpen,
  });
  return (
    <Autocomplete
      size="xs"
      w={150}
      placeholder={t("Host")}
      aria-label={t("Host")}
      value={typed}
      data={[...new Set(hosts.data?.results.map(({ name }) => name))]}
      filter={({ options }) => options}
      onDropdownOpen={() => setOpen(true)}
      onChange={setTyped}
    />
  );
}

/** What is being typed, told 300 ms after the last key; follows the address when that changes by itself. */
export function useTyped(value: string, tell: (value: string) => void): [string, (value: string) => void] {
  const [typed, setTyped] = useState(value);
  const tellSoon = useDebouncedCallback(tell, 300);
  useEffect(() => setTyped(value), [value]);
  return [
    typed,
    (next) => {
      setTyped(next);
      tellSoon(next.trim());
    },
  ];
}
