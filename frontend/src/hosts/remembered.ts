import { useLocalStorage } from "@mantine/hooks";

interface Remembered {
  favourites: string[];
  /** Newest first, at most five. */
  recent: string[];
}

const nothing: Remembered = { favourites: [], recent: [] };

/** Hosts that this person marked or used in this browser. Private and reversible, so it never leaves it. */
export function useRememberedHosts(userId: number) {
  const [kept, setKept] = useLocalStorage<Remembered>({
    key: `bastion-hosts-${userId}`,
    defaultValue: nothing,
    getInitialValueInEffect: false,
  });
  return {
    ...kept,
    isFavourite: (id: string) => kept.favourites.includes(id),
    toggleFavourite: (id: string) =>
      setKept((before) => ({
        ...before,
        favourites: before.favourites.includes(id)
          ? before.favourites.filter((other) => other !== id)
          : [...before.favourites, id],
      })),
    noteUse: (id: string) =>
      setKept((before) => ({ ...before, recent: [id, ...before.recent.filter((other) => other !== id)].slice(0, 5) })),
  };
}
